-- For the rest of this transaction, what enrolments say of where they come from.
-- used by: store/intake.rs by_hand
-- locks:   none
-- index:   none
select set_config('waypost.enrolled_by', 'manual.enrollment', true)
