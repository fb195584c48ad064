-- Tries the failed step of an execution (or the one named) again; an ended execution becomes live in this transaction.
-- Returns the status: `ready`, or for a live one what it was until a worker takes the command.
-- Refused with `unresolved_effect` while an outbox row of that step is unsettled, unless forced; with `key_in_use` while
-- another live execution holds the key.
-- Called by: applications and operators. Locks, index: as redirect.
-- needs: current_tenant, enter, require_tenant, redirect, now
create or replace function waypost.retry(
  execution_id  uuid,
  step_id       text default null,
  force         boolean default false,
  tenant        text default waypost.current_tenant()
) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant  int := waypost.require_tenant(retry.tenant);
  v_scope   text := waypost.enter(v_tenant::text);
  v_status  text;
begin
  v_status := waypost.redirect(v_tenant, retry.execution_id, 'retry', retry.step_id, retry.force, waypost.now(retry.tenant));
  perform waypost.enter(v_scope);
  return v_status;
end
$$;
