-- Claims the executions that are due, for one advance transaction; the row locks are the lease.
-- used by: store/executions.rs claim_due
-- locks:   runs rows, SKIP LOCKED
-- index:   runs_due; the watermark ($1) keeps it from walking dead rows again under a held snapshot
select r.bucket, r.id, r.tenant_id, r.workflow_id, r.version, r.contact_id, r.key, r.status, r.priority,
       r.seq, r.enrolled_at, r.due_at, r.state, statement_timestamp() as now, r.ctid
  from waypost.runs r
 where r.due_at <= statement_timestamp()
   and r.due_at >= $1
   and r.tenant_id <> all ($3::int[])
 order by r.due_at
 limit $2
   for update skip locked
