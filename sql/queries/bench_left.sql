-- Whether the bench's tenant has executions left that are not parked for good.
-- used by: app/bench.rs
-- locks:   none
-- index:   none; the table is small by then
select exists (
  select from waypost.runs r
   where r.tenant_id = $1 and (r.status <> $2 or r.due_at <= clock_timestamp()))
