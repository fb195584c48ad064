-- What happened in each execution, one row an entry
-- Called by: people, the API, other views. Index: bursts_pk, deliveries_settled for one execution.
-- The first entry of each, execution:created, comes from the execution itself and has seq -1. What became of a send that
-- had ended in doubt, action:settled, comes from the delivery and has the seq of the entry that asked for it.
-- needs: all_bursts, entry_name, outbox_state_name
create or replace view waypost.execution_timeline with (security_invoker = true) as
select x.execution_id, t.name as tenant, w.slug as workflow, x.seq, x.at, waypost.entry_name(x.kind) as event,
       case when x.kind <> 7 then v.steps[x.step + 1] end as step_id,
       case when x.kind = 7 then v.goals[x.step + 1] end as goal_id,
       nullif(x.result, 'null') as result
from (select b.execution_id, b.tenant_id, b.workflow_id, (b.seq + u.n - 1)::int as seq, b.at, u.kind, u.step,
             b.results -> (u.n - 1)::int as result,
             -- Where it was moved: the version that it left next.
             coalesce((select m.from_version from waypost.moved_runs m
                       where m.bucket = b.bucket and m.execution_id = b.execution_id and m.before_seq > b.seq
                       order by m.before_seq limit 1),
                      (select r.version from waypost.runs r where r.bucket = b.bucket and r.id = b.execution_id),
                      (select f.version from waypost.finished f where f.bucket = b.bucket and f.id = b.execution_id limit 1))
               as version
      from waypost.all_bursts b, lateral unnest(b.steps, b.kinds) with ordinality u(step, kind, n)) x
join waypost.tenants t on t.id = x.tenant_id
join waypost.workflows w on w.id = x.workflow_id
left join waypost.versions v on v.workflow_id = x.workflow_id and v.version = x.version
union all
select x.id, t.name, w.slug, -1, x.enrolled_at, 'execution:created', null, null, null
from (select r.id, r.tenant_id, r.workflow_id, r.enrolled_at from waypost.runs r
      union all
      select f.id, f.tenant_id, f.workflow_id, f.enrolled_at from waypost.finished f) x
join waypost.tenants t on t.id = x.tenant_id
join waypost.workflows w on w.id = x.workflow_id
union all
select d.execution_id, t.name, w.slug, d.seq, d.settled_at, 'action:settled', v.steps[d.step + 1], null,
       jsonb_build_object('status', waypost.outbox_state_name(d.state), 'by', d.settled_by)
from waypost.deliveries d
join waypost.tenants t on t.id = d.tenant_id
join waypost.workflows w on w.id = d.workflow_id
left join waypost.versions v on v.workflow_id = d.workflow_id and v.version = d.version
where d.settled_at is not null;
comment on view waypost.execution_timeline is 'What happened in each execution, one row an entry';
comment on column waypost.execution_timeline.execution_id is 'The execution';
comment on column waypost.execution_timeline.tenant is 'Name of the tenant it belongs to';
comment on column waypost.execution_timeline.workflow is 'Id of the workflow, as in its definition';
comment on column waypost.execution_timeline.seq is 'Number of the entry within the execution; an outbox row carries that of the entry that asked for it';
comment on column waypost.execution_timeline.at is 'Business time';
comment on column waypost.execution_timeline.event is 'execution:..., step:..., goal:achieved, action:dispatched, action:settled';
comment on column waypost.execution_timeline.step_id is 'The step it is about; null for the execution itself and for goals';
comment on column waypost.execution_timeline.goal_id is 'The goal achieved';
comment on column waypost.execution_timeline.result is 'What the step returned, the error, or why it went which way';
