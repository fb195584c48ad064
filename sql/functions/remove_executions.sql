-- Ends a contact's live executions of some workflows on behalf of one of them: those that nobody else holds at once, the
-- others by an input in wakes, which the claim after the holder's consumes. Returns how many.
-- p_only null: every workflow. Called by: the commit of a step remove_from_workflow.
-- Locks: executions SKIP LOCKED, then as cancel_executions. Index: runs_live_uq, runs_pk.
-- needs: cancel_executions
create or replace function waypost.remove_executions(
  p_tenant int, p_bucket smallint, p_contact uuid, p_self uuid, p_only text[], p_except text[], p_reason text,
  p_now timestamptz
) returns int
language plpgsql volatile set search_path = pg_catalog, pg_temp
  set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
  v_all   uuid[];
  v_free  uuid[];
begin
  select array_agg(r.id) into v_all
  from waypost.runs r
  join waypost.workflows w on w.id = r.workflow_id
  where r.bucket = p_bucket and r.tenant_id = p_tenant and r.contact_id = p_contact and r.id <> p_self
    and (p_only is null or w.slug = any(p_only)) and w.slug <> all(p_except);
  if v_all is null then
    return 0;
  end if;
  select coalesce(array_agg(x.id), '{}') into v_free
  from (select r.id from unnest(v_all) u(id) join waypost.runs r on r.bucket = p_bucket and r.id = u.id
        order by r.bucket, r.id
        for update of r skip locked) x;
  perform waypost.cancel_executions(v_free, p_reason, p_now);
  insert into waypost.wakes (bucket, execution_id, kind, seq, tenant_id, input, at)
  select p_bucket, u.id, 2, 0, p_tenant, jsonb_build_object('command', 'remove', 'reason', p_reason), p_now
  from unnest(v_all) u(id)
  where u.id <> all(v_free)
  on conflict on constraint wakes_pk do nothing;
  return cardinality(v_all);
end
$$;
