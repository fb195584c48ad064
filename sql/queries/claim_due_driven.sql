-- The same for one tenant with a clock of its own, whose time is $4.
-- used by: store/executions.rs claim_due, only in the process that drives that clock
-- locks:   runs rows, SKIP LOCKED
-- index:   runs_turns
select r.bucket, r.id, r.tenant_id, r.workflow_id, r.version, r.contact_id, r.key, r.status, r.priority,
       r.seq, r.enrolled_at, r.due_at, r.state, $4::timestamptz as now, r.ctid
  from waypost.runs r
 where r.due_at <= $4
   and r.due_at >= $1
   and r.tenant_id = $3
 order by r.due_at
 limit $2
   for update skip locked
