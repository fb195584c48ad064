-- Puts an operator's command before a live execution and makes it due; the claim consumes it. A later one replaces it,
-- except that commands with a `seq` of their own (reviews) stand beside others.
-- Called by: skip_wait, move, retry, review, with their scope set. Locks: the execution (held already). Index: runs_pk, wakes_pk.
-- needs: ring
create or replace function waypost.command(p_run waypost.runs, p_command jsonb, p_now timestamptz) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
  if p_run.status = 3 then
    raise exception using errcode = 'WP012', message = format('execution %s is paused', p_run.id),
      hint = 'Resume it first: select waypost.resume(...).';
  end if;
  insert into waypost.wakes (bucket, execution_id, kind, seq, tenant_id, input, at)
  values (p_run.bucket, p_run.id, 1, coalesce((p_command ->> 'seq')::int, 0), p_run.tenant_id, p_command, p_now)
  on conflict on constraint wakes_pk do update set input = excluded.input, at = excluded.at;
  update waypost.runs r set due_at = p_now where r.bucket = p_run.bucket and r.id = p_run.id;
  perform waypost.ring(false, 'run');
end
$$;
