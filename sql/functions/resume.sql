-- Lets a paused execution go on; returns its new status. What came due meanwhile happens now.
-- Called by: applications and operators. Locks: the execution. Index: runs_pk.
-- needs: current_tenant, enter, require_tenant, lock_live, now, ring, status_name
create or replace function waypost.resume(execution_id uuid, tenant text default waypost.current_tenant()) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant  int := waypost.require_tenant(resume.tenant);
  v_scope   text := waypost.enter(v_tenant::text);
  v_run     waypost.runs := waypost.lock_live(v_tenant, resume.execution_id);
  v_now     timestamptz := waypost.now(resume.tenant);
begin
  if v_run.status = 3 then
    -- Ready and due: the machine finds out by itself what the branches wait for.
    update waypost.runs r set status = 0, due_at = v_now, seq = r.seq + 1
    where r.bucket = v_run.bucket and r.id = v_run.id;
    insert into waypost.bursts (bucket, execution_id, seq, tenant_id, workflow_id, at, steps, kinds)
    values (v_run.bucket, v_run.id, v_run.seq, v_tenant, v_run.workflow_id, v_now, '{-1}', '{13}');
    perform waypost.ring(false, 'run');
    v_run.status := 0;
  end if;
  perform waypost.enter(v_scope);
  return waypost.status_name(v_run.status);
end
$$;
