-- Figures of each goal
-- Called by: people, reports, the demo. Index: none, it reads executions and history whole.
-- Goals of the published version and all that were ever achieved.
-- needs: all_bursts, refused_at_start
create or replace view waypost.goal_stats with (security_invoker = true) as
with enrolled as (
  select r.bucket, r.id, r.workflow_id, r.version, r.contact_id, r.enrolled_at from waypost.runs r
  union all
  select f.bucket, f.id, f.workflow_id, f.version, f.contact_id, f.enrolled_at from waypost.finished f
  where not waypost.refused_at_start(f.reason)),
achieved as (
  select e.workflow_id, v.goals[u.goal + 1] as goal_id, e.contact_id, b.at - e.enrolled_at as took
  from waypost.all_bursts b, lateral unnest(b.steps, b.kinds) u(goal, kind), enrolled e, waypost.versions v
  where u.kind = 7 and e.bucket = b.bucket and e.id = b.execution_id
    -- Where it was moved: the version that it left next.
    and v.workflow_id = e.workflow_id and v.version = coalesce(
      (select m.from_version from waypost.moved_runs m
       where m.bucket = b.bucket and m.execution_id = b.execution_id and m.before_seq > b.seq
       order by m.before_seq limit 1), e.version)),
goals as (
  select w.id as workflow_id, g.goal_id
  from waypost.workflows w join waypost.versions v on v.workflow_id = w.id and v.version = w.version,
       lateral unnest(v.goals) g(goal_id)
  union
  select a.workflow_id, a.goal_id from achieved a)
select t.name as tenant, w.slug as workflow, g.goal_id, count(a.contact_id) as total_achievements,
       count(distinct a.contact_id) as unique_contacts,
       count(distinct a.contact_id)::float8
         / nullif((select count(distinct e.contact_id) from enrolled e where e.workflow_id = w.id), 0) as conversion_rate,
       percentile_cont(0.5) within group (order by extract(epoch from a.took)) * interval '1 second' as median_time_to_goal
from goals g
join waypost.workflows w on w.id = g.workflow_id
join waypost.tenants t on t.id = w.tenant_id
left join achieved a on a.workflow_id = g.workflow_id and a.goal_id = g.goal_id
group by t.name, w.id, w.slug, g.goal_id;
comment on view waypost.goal_stats is 'Figures of each goal';
comment on column waypost.goal_stats.tenant is 'Name of the tenant it belongs to';
comment on column waypost.goal_stats.workflow is 'Id of the workflow, as in its definition';
comment on column waypost.goal_stats.goal_id is 'The goal';
comment on column waypost.goal_stats.total_achievements is 'How often it was achieved: once in an execution at most';
comment on column waypost.goal_stats.unique_contacts is 'Contacts that achieved it';
comment on column waypost.goal_stats.conversion_rate is 'Those contacts by all that enrolled, 0 to 1';
comment on column waypost.goal_stats.median_time_to_goal is 'From enrolment to the goal';
