-- How far executions came, step by step
-- Called by: people, reports, the demo. Index: none, it reads executions and history whole.
-- needs: all_bursts, refused_at_start
create or replace view waypost.step_funnel with (security_invoker = true) as
with enrolled as (
  select r.bucket, r.id, r.workflow_id, r.version from waypost.runs r
  union all
  select f.bucket, f.id, f.workflow_id, f.version from waypost.finished f
  where not waypost.refused_at_start(f.reason)),
entries as (
  -- Where it was moved: the version that it left next.
  select e.workflow_id, coalesce((select m.from_version from waypost.moved_runs m
                                  where m.bucket = b.bucket and m.execution_id = b.execution_id and m.before_seq > b.seq
                                  order by m.before_seq limit 1), e.version) as version, u.step, e.id, u.kind
  from enrolled e
  join waypost.all_bursts b on b.bucket = e.bucket and b.execution_id = e.id,
       lateral unnest(b.steps, b.kinds) u(step, kind)
  where u.step >= 0 and u.kind in (2, 3, 4, 5, 6, 14)),
standing as (
  select r.workflow_id, r.version, coalesce((b.value ->> 'n')::int, 0) as step, r.id
  from waypost.runs r, lateral jsonb_array_elements(coalesce(r.state -> 'b', '[]')) b)
select t.name as tenant, w.slug as workflow, v.version, (s.n - 1)::int as step_index, s.step_id,
       coalesce(f.entered, 0) as entered, coalesce(f.completed, 0) as completed, coalesce(f.failed, 0) as failed,
       coalesce(f.skipped, 0) as skipped, coalesce(f.standing, 0) as standing,
       coalesce(f.entered, 0)::float8 / nullif(a.total, 0) as share
from waypost.versions v
join waypost.workflows w on w.id = v.workflow_id
join waypost.tenants t on t.id = w.tenant_id
cross join lateral unnest(v.steps) with ordinality s(step_id, n)
left join (select e.workflow_id, e.version, count(*) as total from enrolled e group by 1, 2) a
  on a.workflow_id = v.workflow_id and a.version = v.version
left join (select x.workflow_id, x.version, x.step, count(distinct x.id) as entered,
                  count(*) filter (where x.kind = 2) as completed, count(*) filter (where x.kind = 3) as failed,
                  count(*) filter (where x.kind = 6) as skipped, count(*) filter (where x.kind is null) as standing
           from (select e.workflow_id, e.version, e.step, e.id, e.kind from entries e
                 union all
                 select p.workflow_id, p.version, p.step, p.id, null from standing p) x
           group by 1, 2, 3) f
  on f.workflow_id = v.workflow_id and f.version = v.version and f.step = s.n - 1
where v.published_at is not null or a.total > 0;
comment on view waypost.step_funnel is 'How far executions came, step by step';
comment on column waypost.step_funnel.tenant is 'Name of the tenant it belongs to';
comment on column waypost.step_funnel.workflow is 'Id of the workflow, as in its definition';
comment on column waypost.step_funnel.version is 'Version of the definition';
comment on column waypost.step_funnel.step_index is 'Place of the step in the definition, from 0';
comment on column waypost.step_funnel.step_id is 'The step';
comment on column waypost.step_funnel.entered is 'Executions that came to it';
comment on column waypost.step_funnel.completed is 'Times that it completed';
comment on column waypost.step_funnel.failed is 'Times that it failed';
comment on column waypost.step_funnel.skipped is 'Times that executeIf left it out';
comment on column waypost.step_funnel.standing is 'Live branches that stand at it now';
comment on column waypost.step_funnel.share is 'entered by the executions of the version, 0 to 1';
