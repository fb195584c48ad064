-- Ends live executions as cancelled, with all that hangs on them, and returns how many were live. Outbox rows that are
-- pending, or claimed under reconcile or hold, are cancelled too, or unknown where an earlier try may have been done; a claimed dedupe or retry row may be on the wire: it
-- finishes and advances nothing.
-- Called by: cancel, the deletion of a contact. Locks: executions, then outbox rows, each by (bucket, id).
-- Index: runs_pk, sends_execution.
-- needs: bucket_in, wake_parents, refused_at_start
create or replace function waypost.cancel_executions(p_ids uuid[], p_reason text, p_now timestamptz) returns int
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_ids    uuid[];
  v_sends  uuid[];
begin
  select array_agg(x.id) into v_ids
  from (select r.id
        from unnest(p_ids) u(id) join waypost.runs r on r.bucket = waypost.bucket_in(u.id) and r.id = u.id
        order by r.bucket, r.id
        for update of r) x;
  if v_ids is null then
    return 0;
  end if;

  insert into waypost.bursts (bucket, execution_id, seq, tenant_id, workflow_id, at, steps, kinds, results)
  select r.bucket, r.id, r.seq, r.tenant_id, r.workflow_id, p_now, '{-1}', '{10}',
         jsonb_build_array(jsonb_build_object('reason', p_reason))
  from unnest(v_ids) u(id) join waypost.runs r on r.bucket = waypost.bucket_in(u.id) and r.id = u.id;

  with gone as (
    delete from waypost.runs r using unnest(v_ids) u(id)
    where r.bucket = waypost.bucket_in(u.id) and r.id = u.id
    returning r.*),
  counted as (
    insert into waypost.workflow_changes (tenant_id, workflow_id, cancelled)
    select g.tenant_id, g.workflow_id, count(*) from gone g
    where not waypost.refused_at_start(p_reason)
    group by g.tenant_id, g.workflow_id)
  insert into waypost.finished
    (bucket, id, tenant_id, workflow_id, version, contact_id, key, status, reason, priority, seq, node, enrolled_at,
     finished_at, state)
  select g.bucket, g.id, g.tenant_id, g.workflow_id, g.version, g.contact_id, g.key, 6, p_reason, g.priority, g.seq + 1,
         g.node, g.enrolled_at, p_now, g.state
  from gone g;

  delete from waypost.wakes w using unnest(v_ids) u(id)
  where w.bucket = waypost.bucket_in(u.id) and w.execution_id = u.id;

  select array_agg(x.id) into v_sends
  from (select o.id from waypost.sends o
        where o.execution_id = any(v_ids) and (o.state = 0 or (o.state = 1 and o.policy in (1, 2)))
        order by o.bucket, o.id
        for update) x;
  with gone as (
    delete from waypost.sends o using unnest(v_sends) u(id)
    where o.bucket = waypost.bucket_in(u.id) and o.id = u.id
    returning o.*)
  insert into waypost.deliveries
    (bucket, id, execution_id, seq, tenant_id, workflow_id, version, contact_id, step, action, policy, state, fence,
     attempt, created_at, first_at, claimed_at, finished_at, request, error)
  select g.bucket, g.id, g.execution_id, g.seq, g.tenant_id, g.workflow_id, g.version, g.contact_id, g.step, g.action,
         g.policy, case when g.doubt then 5 else 7 end, g.fence, g.attempt, g.created_at, g.first_at, g.claimed_at, p_now, g.request, p_reason
  from gone g;
  perform waypost.wake_parents(v_ids, p_now);
  return cardinality(v_ids);
end
$$;
