-- used by: store/intake.rs contacts_of
-- locks:   none
-- index:   none
set transaction read only
