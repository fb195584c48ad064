-- Makes an execution stand on a step (all its branches end); an ended execution becomes live in this transaction.
-- Returns the status: `ready`, or for a live one what it was until a worker takes the command.
-- Refused with `unresolved_effect` while an outbox row of that step is unsettled, unless forced; with `key_in_use` while
-- another live execution holds the key.
-- Called by: applications and operators. Locks, index: as redirect.
-- needs: current_tenant, enter, require_tenant, redirect, now
create or replace function waypost.move(
  execution_id  uuid,
  step_id       text,
  force         boolean default false,
  tenant        text default waypost.current_tenant()
) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant  int := waypost.require_tenant(move.tenant);
  v_scope   text := waypost.enter(v_tenant::text);
  v_status  text;
begin
  if move.step_id is null then
    raise exception using errcode = 'WP014', message = 'a move needs the id of a step',
      hint = 'select waypost.move(execution_id, ''step-id'').';
  end if;
  v_status := waypost.redirect(v_tenant, move.execution_id, 'move', move.step_id, move.force, waypost.now(move.tenant));
  perform waypost.enter(v_scope);
  return v_status;
end
$$;
