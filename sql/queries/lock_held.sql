-- A page of the live executions of a workflow that no operator holds, locked, after (bucket, id). Those that a worker has
-- claimed are waited for: it may have seen the workflow paused, and be about to take their time away.
-- used by: store/versions.rs wake_page
-- locks:   runs rows, in (bucket, id) order
-- index:   runs_pk, in its order
select r.bucket, r.id from waypost.runs r
 where r.tenant_id = $1 and r.workflow_id = $2 and r.status < 3 and (r.bucket, r.id) > ($3, $4)
 order by r.bucket, r.id limit $5
   for update
