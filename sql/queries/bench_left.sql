-- Whether the bench's tenant has executions or sends left to do: what is parked is not due.
-- used by: app/bench/ground.rs
-- locks:   none
-- index:   runs_turns; the other tables are almost empty by then
select exists (select from waypost.runs r where r.tenant_id = $1 and r.due_at <= clock_timestamp())
    or exists (select from waypost.sends s where s.tenant_id = $1)
    or exists (select from waypost.wakes w where w.tenant_id = $1)
