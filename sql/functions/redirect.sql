-- What move and retry have in common: the execution is made live if it has ended, nothing unsettled may hang on the step,
-- then the command is put before it. Returns the status.
-- Called by: move, retry, with their scope set. Locks: the execution. Index: runs_pk, sends_execution, deliveries_execution.
-- needs: all_bursts, lock_live, bring_back, step_index, command, status_name, bucket_in
create or replace function waypost.redirect(
  p_tenant int, p_id uuid, p_command text, p_step text, p_force boolean, p_now timestamptz
) returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  v_run   waypost.runs;
  v_old   waypost.finished;
  v_step  text := p_step;                   -- by name: rows and entries may be of a version that it has left
  v_send  text;
begin
  select f.* into v_old from waypost.finished f
  where f.bucket = waypost.bucket_in(p_id) and f.id = p_id and f.tenant_id = p_tenant
  order by f.finished_at desc limit 1;
  if found then
    v_run := row(v_old.bucket, v_old.id, v_old.tenant_id, v_old.workflow_id, v_old.version, v_old.contact_id, v_old.key, 0,
                 v_old.priority, v_old.seq, v_old.node, p_now, v_old.enrolled_at, v_old.state)::waypost.runs;
    if p_step is null and v_old.status <> 7 then
      raise exception using errcode = 'WP015',
        message = format('execution %s did not fail (%s): there is nothing to retry', p_id, waypost.status_name(v_old.status)),
        hint = 'Name a step, or use waypost.move.';
    end if;
  else
    v_run := waypost.lock_live(p_tenant, p_id);
  end if;

  if p_step is not null then
    perform waypost.step_index(v_run.workflow_id, v_run.version, p_step);
  else
    -- Where it failed: the last step that did.
    select v.steps[u.step + 1] into v_step
    from waypost.all_bursts b
    join waypost.versions v on v.workflow_id = v_run.workflow_id and v.version = coalesce(
           (select m.from_version from waypost.moved_runs m
            where m.bucket = b.bucket and m.execution_id = b.execution_id and m.before_seq > b.seq
            order by m.before_seq limit 1), v_run.version),
         lateral unnest(b.steps, b.kinds) with ordinality u(step, kind, n)
    where b.bucket = v_run.bucket and b.execution_id = v_run.id and u.kind = 3
    order by b.seq + u.n desc limit 1;
  end if;

  -- A new visit is a new key: what may have been sent under the old one must be settled first.
  if not p_force then
    select x.id::text || ' (' || waypost.outbox_state_name(x.state) || ')' into v_send
    from (select o.id, o.state, o.step, o.version from waypost.sends o where o.execution_id = p_id
          union all
          select d.id, d.state, d.step, d.version from waypost.deliveries d where d.execution_id = p_id and d.state = 5) x
    join waypost.versions v on v.workflow_id = v_run.workflow_id and v.version = x.version
    where v.steps[x.step + 1] = v_step or v_step is null
    limit 1;
    if v_send is not null then
      raise exception using errcode = 'WP017',
        message = 'unresolved_effect: what the step asked for earlier is not settled', detail = 'outbox row ' || v_send,
        hint = 'Settle it with "waypost outbox resolve", or say force => true and risk it twice.';
    end if;
  end if;

  if v_old.id is not null then
    v_run := waypost.bring_back(p_tenant, p_id, p_now);
  end if;
  perform waypost.command(v_run, jsonb_build_object('command', p_command, 'step', p_step), p_now);
  return waypost.status_name(v_run.status);
end
$$;
