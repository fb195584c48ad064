-- Ends the waits of a live execution now; returns its status, which changes when a worker takes the command.
-- Called by: applications and operators. Locks: the execution. Index: runs_pk.
-- needs: current_tenant, enter, require_tenant, lock_live, command, now, status_name
create or replace function waypost.skip_wait(execution_id uuid, tenant text default waypost.current_tenant()) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant  int := waypost.require_tenant(skip_wait.tenant);
  v_scope   text := waypost.enter(v_tenant::text);
  v_run     waypost.runs := waypost.lock_live(v_tenant, skip_wait.execution_id);
begin
  -- "pe": its path has ended, and it waits for a goal.
  if not (v_run.state ? 'pe'
          or jsonb_path_exists(v_run.state, '$.b[*].p.k ? (@ == "t" || @ == "c" || @ == "e" || @ == "r")')) then
    raise exception using errcode = 'WP013',
      message = format('execution %s is not waiting (%s)', v_run.id, waypost.status_name(v_run.status)),
      hint = 'Only waits can be skipped; an answer from outside cannot.';
  end if;
  perform waypost.command(v_run, '{"command": "skip_wait"}', waypost.now(skip_wait.tenant));
  perform waypost.enter(v_scope);
  return waypost.status_name(v_run.status);
end
$$;
