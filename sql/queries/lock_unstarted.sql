-- Executions that have not begun, so that the ledger's back-fill sees those whose first burst is under way.
-- used by: store/rules.rs publish
-- locks:   the executions, by (bucket, id)
-- index:   none: executions of the workflow are read whole, once
select 1
  from waypost.runs r
 where r.tenant_id = $1 and r.workflow_id = $2 and not r.state ? 's'
 order by r.bucket, r.id
   for update
