-- Tells the executions that wait for the end of these ones: an input in wakes for each, once. engine/others.rs (ended)
-- says the same to a simulation. Returns how many were told.
-- Called by: the commit of an execution that ends, cancel_executions, the janitor's sweep.
-- Locks: awaited rows. Index: awaited_pk, finished_pk.
-- needs: bucket_in, status_name
create or replace function waypost.wake_parents(p_children uuid[], p_now timestamptz) returns int
language sql volatile set search_path = pg_catalog, pg_temp
  set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
  with gone as (
    delete from waypost.awaited a using unnest(p_children) u(id)
    where a.bucket = waypost.bucket_in(u.id) and a.child_id = u.id
    returning a.*),
  told as (
    insert into waypost.wakes (bucket, execution_id, kind, seq, tenant_id, input, at)
    select g.bucket, g.parent_id, 0, g.seq, g.tenant_id,
           jsonb_build_object(
             'seq', g.seq, 'outcome', case when f.status in (4, 5) then 'sent' else 'failed' end,
             'response', jsonb_build_object(
                 'workflow', g.workflow, 'outcome', 'enrolled', 'executionId', g.child_id,
                 'status', coalesce(waypost.status_name(f.status), 'unknown'),
                 'outputs', (select coalesce(jsonb_object_agg(o.name, f.state -> 'v' -> o.name), '{}')
                             from unnest(g.outputs) o(name) where f.state -> 'v' ? o.name))
               || case when f.reason is null then '{}' else jsonb_build_object('reason', f.reason) end)
           || case when f.status in (4, 5) then '{}' else jsonb_build_object(
                'error', 'child_' || coalesce(waypost.status_name(f.status), 'unknown'),
                'message', 'the execution that was waited for ended as '
                           || coalesce(waypost.status_name(f.status), 'unknown')) end,
           p_now
    from gone g
    left join lateral (select e.status, e.reason, e.state from waypost.finished e
                       where e.bucket = g.bucket and e.id = g.child_id
                       order by e.finished_at desc limit 1) f on true
    on conflict on constraint wakes_pk do nothing
    returning 1)
  select count(*)::int from told
$$;
