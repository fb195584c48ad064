-- Decides an open manual review: outcome `approved` or `rejected`; returns the status of the execution, which changes
-- when a worker takes the decision. step_id null: every review of the execution that is open.
-- Called by: applications and operators. Locks: the execution. Index: runs_pk.
-- needs: current_tenant, enter, require_tenant, lock_live, command, now, status_name
create or replace function waypost.review(
  execution_id  uuid,
  step_id       text,
  outcome       text,
  note          text default null,
  tenant        text default waypost.current_tenant()
) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant   int := waypost.require_tenant(review.tenant);
  v_scope    text := waypost.enter(v_tenant::text);
  v_run      waypost.runs := waypost.lock_live(v_tenant, review.execution_id);
  v_approve  boolean := case lower(review.outcome) when 'approved' then true when 'approve' then true
                                                   when 'rejected' then false when 'reject' then false end;
  v_seq      int;
begin
  if v_approve is null then
    raise exception using errcode = 'WP019', message = format('%L is no outcome of a review', review.outcome),
      hint = 'It is approved or rejected.';
  end if;
  select min((b.value -> 'p' ->> 's')::int) into v_seq
  from waypost.versions v, jsonb_array_elements(coalesce(v_run.state -> 'b', '[]')) b
  where v.workflow_id = v_run.workflow_id and v.version = v_run.version and b.value -> 'p' ->> 'k' = 'v'
    and (review.step_id is null or v.steps[coalesce((b.value ->> 'n')::int, 0) + 1] = review.step_id);
  if v_seq is null then
    raise exception using errcode = 'WP020',
      message = format('execution %s has no open review%s', v_run.id, coalesce(' at step ' || review.step_id, '')),
      hint = 'waypost.reviews lists those that are open.';
  end if;
  perform waypost.command(v_run, jsonb_strip_nulls(jsonb_build_object('command', 'review', 'step', review.step_id,
    'approve', v_approve, 'note', review.note, 'seq', v_seq)), waypost.now(review.tenant));
  perform waypost.enter(v_scope);
  return waypost.status_name(v_run.status);
end
$$;
