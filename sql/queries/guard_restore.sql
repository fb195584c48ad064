-- After a restore: every open row under `hold` that may have been sent before (claimed, past the barrier, or due, since
-- it may have been claimed after the backup) ends as unknown, and its execution is told; a slice of $1 rows. Nobody
-- sends them again.
-- used by: store/sends.rs guard_restore
-- locks:   the outbox rows, SKIP LOCKED
-- index:   outbox_lease
with open as materialized (
  select s.bucket, s.id from waypost.sends s
   where (s.state in (1, 2) or s.due_at <= waypost.now()) and s.policy = 2 and s.tenant_id = waypost.current_tenant_id()
   order by s.bucket, s.id limit $1
   for update skip locked),
gone as (
  delete from waypost.sends s using open o where s.bucket = o.bucket and s.id = o.id
  returning s.*),
ended as (
  insert into waypost.deliveries
    (bucket, id, execution_id, seq, tenant_id, workflow_id, version, contact_id, step, action, policy, state, fence,
     attempt, created_at, first_at, claimed_at, finished_at, request, error)
  select g.bucket, g.id, g.execution_id, g.seq, g.tenant_id, g.workflow_id, g.version, g.contact_id, g.step, g.action,
         g.policy, 5, g.fence + 1, g.attempt, g.created_at, g.first_at, g.claimed_at, waypost.now(), g.request,
         'restored'
    from gone g
  returning 1),
told as (
  insert into waypost.wakes (bucket, execution_id, kind, seq, tenant_id, input, at)
  select g.bucket, g.execution_id, 0, g.seq, g.tenant_id,
         jsonb_build_object('seq', g.seq, 'outcome', 'unknown', 'response', null, 'error', 'restored',
           'message', 'may have been sent before the restore'), waypost.now()
    from gone g
  on conflict on constraint wakes_pk do nothing
  returning 1)
select count(*) from ended
