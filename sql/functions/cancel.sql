-- Ends a live execution as cancelled, in the caller's transaction; returns its new status.
-- Called by: applications and operators. Locks, index: as cancel_executions.
-- needs: current_tenant, enter, require_tenant, lock_live, cancel_executions, now
create or replace function waypost.cancel(
  execution_id  uuid,
  reason        text default 'cancelled',
  tenant        text default waypost.current_tenant()
) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant  int := waypost.require_tenant(cancel.tenant);
  v_scope   text := waypost.enter(v_tenant::text);
begin
  perform waypost.lock_live(v_tenant, cancel.execution_id);
  perform waypost.cancel_executions(array[cancel.execution_id], coalesce(cancel.reason, 'cancelled'), waypost.now(cancel.tenant));
  perform waypost.enter(v_scope);
  return 'cancelled';
end
$$;
