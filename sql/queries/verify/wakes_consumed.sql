-- No answer or command lies about for a minute, unless its execution is paused.
-- used by: app/verify.rs
-- locks:   none
-- index:   runs_pk
select count(*)
  from waypost.wakes k
  join waypost.runs r on r.bucket = k.bucket and r.id = k.execution_id
  join waypost.tenants t on t.id = k.tenant_id
 where ($1::int is null or k.tenant_id = $1)
   and t.clock is null
   and k.at < clock_timestamp() - interval '1 minute'
