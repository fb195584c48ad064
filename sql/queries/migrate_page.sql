-- A page of the live executions of a workflow that are not on a version, locked, after (bucket, id).
-- used by: store/migrate.rs lock_page
-- locks:   runs rows, in (bucket, id) order; waits for those that are claimed, as long as lock_timeout lets it
-- index:   runs_pk, in its order
select r.bucket, r.id, r.tenant_id, r.workflow_id, r.version, r.contact_id, r.key, r.status, r.priority,
       r.seq, r.enrolled_at, r.due_at, r.state, $7::timestamptz as now
  from waypost.runs r
 where r.tenant_id = $1 and r.workflow_id = $2 and r.version <> $3 and (r.bucket, r.id) > ($4, $5)
 order by r.bucket, r.id limit $6
   for update
