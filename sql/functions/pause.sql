-- Holds a live execution until it is resumed; returns its new status. Paused already: nothing changes.
-- Called by: applications and operators. Locks: the execution. Index: runs_pk.
-- needs: current_tenant, enter, require_tenant, lock_live, now
create or replace function waypost.pause(execution_id uuid, tenant text default waypost.current_tenant()) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant  int := waypost.require_tenant(pause.tenant);
  v_scope   text := waypost.enter(v_tenant::text);
  v_run     waypost.runs := waypost.lock_live(v_tenant, pause.execution_id);
begin
  if v_run.status <> 3 then
    update waypost.runs r set status = 3, due_at = null, seq = r.seq + 1
    where r.bucket = v_run.bucket and r.id = v_run.id;
    insert into waypost.bursts (bucket, execution_id, seq, tenant_id, workflow_id, at, steps, kinds)
    values (v_run.bucket, v_run.id, v_run.seq, v_tenant, v_run.workflow_id, waypost.now(pause.tenant), '{-1}', '{12}');
  end if;
  perform waypost.enter(v_scope);
  return 'paused';
end
$$;
