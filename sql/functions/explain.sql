-- Why a contact did or did not enrol in a workflow, and every decision since, in time order.
-- stage: event, trigger, enrollment, execution, step, dispatch; outcome and reason in the words of the other views.
-- Called by: people, `waypost explain`. Locks: none. Index: events_contact, blocks_contact, runs_live_uq, bursts_pk.
-- needs: all_bursts, current_tenant, enter, require_tenant, entry_name, status_name, outbox_state_name, policy_name, bucket_of
create or replace function waypost.explain(
  contact_id  uuid,
  workflow    text,
  tenant      text default waypost.current_tenant()
) returns table (at timestamptz, stage text, outcome text, reason text, detail jsonb)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant    int := waypost.require_tenant(explain.tenant);
  v_scope     text := waypost.enter(v_tenant::text);
  v_bucket    smallint := waypost.bucket_of(v_tenant, explain.contact_id);
  v_workflow  int;
begin
  select w.id into v_workflow from waypost.workflows w where w.tenant_id = v_tenant and w.slug = explain.workflow;
  if v_workflow is null then
    perform waypost.enter(v_scope);
    return query select waypost.now(explain.tenant), 'enrollment', 'blocked', 'unknown_workflow',
                        jsonb_build_object('workflow', explain.workflow);
    return;
  end if;
  return query
  with executions as (
    select r.bucket, r.id, r.version, r.key, r.status, null::text as reason, r.enrolled_at, null::timestamptz as finished_at
    from waypost.runs r
    where r.bucket = v_bucket and r.tenant_id = v_tenant and r.contact_id = explain.contact_id and r.workflow_id = v_workflow
    union all
    select f.bucket, f.id, f.version, f.key, f.status, f.reason, f.enrolled_at, f.finished_at
    from waypost.finished f
    where f.bucket = v_bucket and f.tenant_id = v_tenant and f.contact_id = explain.contact_id and f.workflow_id = v_workflow),
  sends as (
    select o.execution_id, o.id, o.step, o.version, o.action, o.policy, o.state, o.attempt, o.error,
           coalesce(o.claimed_at, o.created_at) as at, o.seq, o.created_at
    from waypost.sends o join executions e on e.id = o.execution_id
    union all
    select d.execution_id, d.id, d.step, d.version, d.action, d.policy, d.state, d.attempt, d.error, d.finished_at, d.seq,
           d.created_at
    from waypost.deliveries d join executions e on e.id = d.execution_id),
  listened as (
    select distinct t.event_type from waypost.trigger_index t where t.tenant_id = v_tenant and t.workflow_id = v_workflow)
  select x.at, x.stage, x.outcome, x.reason, x.detail
  from (
    select q.recorded_at as at, 'event' as stage, 'queued' as outcome, q.type as reason,
           jsonb_build_object('eventId', q.id, 'data', q.data) as detail, 0 as turn, 0 as seq
    from waypost.event_queue q
    where q.bucket = v_bucket and q.tenant_id = v_tenant and q.contact_id = explain.contact_id
      and q.type in (select event_type from listened)
    union all
    select v.matched_at, 'event',
           case when exists (select from jsonb_array_elements(coalesce(v.decisions, '[]')) d
                             where d ->> 'workflow' in (explain.workflow, v_workflow::text))
                then 'matched' else 'not_matched' end,
           v.type, jsonb_build_object('eventId', v.id, 'occurredAt', v.occurred_at, 'data', v.data), 1, 0
    from waypost.events v
    where v.contact_id = explain.contact_id and v.bucket = v_bucket and v.tenant_id = v_tenant
      and (v.type in (select event_type from listened)
           or exists (select from jsonb_array_elements(coalesce(v.decisions, '[]')) d
                      where d ->> 'workflow' in (explain.workflow, v_workflow::text)))
    union all
    select v.matched_at, 'trigger', d ->> 'outcome', d ->> 'reason',
           (d - array['outcome', 'reason', 'workflow']) || jsonb_build_object('eventId', v.id), 2, 0
    from waypost.events v, lateral jsonb_array_elements(coalesce(v.decisions, '[]')) d
    where v.contact_id = explain.contact_id and v.bucket = v_bucket and v.tenant_id = v_tenant
      and d ->> 'workflow' in (explain.workflow, v_workflow::text)
    union all
    select b.at, 'enrollment', case b.reason when 'duplicate' then 'duplicate' else 'blocked' end, b.reason, b.detail, 3, 0
    from waypost.blocks b
    where b.contact_id = explain.contact_id and b.bucket = v_bucket and b.tenant_id = v_tenant and b.workflow_id = v_workflow
    union all
    select e.enrolled_at, 'enrollment', 'enrolled', null, jsonb_build_object('executionId', e.id, 'version', coalesce(
             (select m.from_version from waypost.moved_runs m
              where m.bucket = e.bucket and m.execution_id = e.id order by m.before_seq limit 1), e.version),
           'key', e.key), 3, 1
    from executions e
    union all
    select b.at, case when b.steps[u.n] < 0 or u.kind in (7, 8, 9, 10, 11) then 'execution' else 'step' end,
           waypost.entry_name(u.kind),
           case when u.kind = 7 then v.goals[b.steps[u.n] + 1] else v.steps[b.steps[u.n] + 1] end,
           jsonb_build_object('executionId', e.id, 'seq', b.seq + u.n - 1, 'result', b.results -> (u.n - 1)::int), 4,
           (b.seq + u.n - 1)::int
    from executions e
    join waypost.all_bursts b on b.bucket = e.bucket and b.execution_id = e.id
    -- Where it was moved: the version that it left next.
    join waypost.versions v on v.workflow_id = v_workflow and v.version = coalesce(
           (select m.from_version from waypost.moved_runs m
            where m.bucket = b.bucket and m.execution_id = b.execution_id and m.before_seq > b.seq
            order by m.before_seq limit 1), e.version),
         lateral unnest(b.kinds) with ordinality u(kind, n)
    union all
    select e.finished_at, 'execution', waypost.status_name(e.status), e.reason, jsonb_build_object('executionId', e.id), 5, 0
    from executions e where e.finished_at is not null
    union all
    select s.at, 'dispatch', waypost.outbox_state_name(s.state), s.error,
           jsonb_build_object('outboxId', s.id, 'executionId', s.execution_id, 'step', v.steps[s.step + 1],
             'action', s.action, 'policy', waypost.policy_name(s.policy), 'attempts', s.attempt, 'createdAt', s.created_at),
           4, s.seq
    from sends s join waypost.versions v on v.workflow_id = v_workflow and v.version = s.version) x
  order by x.at, x.turn, x.seq;
  perform waypost.enter(v_scope);
end
$$;
