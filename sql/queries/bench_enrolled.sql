-- Executions of the bench's tenant that have been enrolled, whatever became of them.
-- used by: app/bench/cases/events.rs
-- locks:   none
-- index:   none
select (select count(*) from waypost.runs r where r.tenant_id = $1)
     + (select count(*) from waypost.finished f where f.tenant_id = $1)
