-- used by: store/workflows.rs publish
-- locks:   the timers it writes
-- index:   timers_occurrence_uq
select waypost.plan_timers($1)
