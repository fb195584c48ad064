-- Figures of each wait
-- Called by: people, reports. Index: none, it reads live executions and history whole.
-- A branch that left its wait by a goal, an exit or a move has not waited to the end and counts as started only.
-- needs: all_bursts, from_millis
create or replace view waypost.wait_stats with (security_invoker = true) as
with steps as (
  select w.tenant_id, v.workflow_id, v.version, (s.n - 1)::int as step, s.step_id,
         case when a.action ->> 'type' = 'wait' then coalesce(a.action -> 'config' ->> 'waitType', 'duration')
              else a.action ->> 'type' end as wait_type
  from waypost.versions v
  join waypost.workflows w on w.id = v.workflow_id
  cross join lateral unnest(v.steps) with ordinality s(step_id, n)
  cross join lateral (select v.definition -> 'actions' -> (s.n - 1)::int as action) a),
executions as (
  select r.bucket, r.id, r.workflow_id, r.version from waypost.runs r
  union all
  select f.bucket, f.id, f.workflow_id, f.version from waypost.finished f),
waits as (
  select e.workflow_id, e.version, u.step, u.kind, b.at,
         lead(b.at) over w as ended_at, lead(u.kind) over w as ended_by,
         lead(b.results -> (u.n - 1)::int) over w as result
  from executions e
  join waypost.all_bursts b on b.bucket = e.bucket and b.execution_id = e.id,
       lateral unnest(b.steps, b.kinds) with ordinality u(step, kind, n)
  where u.step >= 0 and u.kind in (2, 3, 4)
  window w as (partition by e.bucket, e.id, u.step order by b.seq, u.n)),
parked as (
  select r.tenant_id, r.workflow_id, r.version, coalesce((b.value ->> 'n')::int, 0) as step,
         least(waypost.from_millis(b.value -> 'p' -> 'u'), waypost.from_millis(b.value -> 'p' -> 'm')) as due
  from waypost.runs r, lateral jsonb_array_elements(coalesce(r.state -> 'b', '[]')) b
  where b.value -> 'p' ->> 'k' in ('t', 'c', 'e', 'w')),
clocks as (select t.id, t.name, coalesce(t.clock, clock_timestamp()) as now from waypost.tenants t),
figures as (
  select h.workflow_id, h.version, h.step, 1 as started, (h.ended_by in (2, 3))::int as ended,
         coalesce((h.ended_by = 2 and (h.result ->> 'timedOut')::boolean), false)::int as timed_out,
         coalesce((h.ended_by = 2 and (h.result ->> 'skipped')::boolean), false)::int as skipped,
         case when h.ended_by in (2, 3) then h.ended_at - h.at end as took, 0 as parked, null::timestamptz as due
  from waits h where h.kind = 4
  union all
  select p.workflow_id, p.version, p.step, 0, 0, 0, 0, null, 1, p.due from parked p)
select c.name as tenant, w.slug as workflow, s.step_id, s.wait_type, sum(x.parked)::bigint as waiting_now,
       sum(x.started)::bigint as waits_started, coalesce(sum(x.ended), 0)::bigint as waits_ended,
       sum(x.timed_out)::bigint as timed_out, sum(x.skipped)::bigint as skipped, avg(x.took) as average_wait,
       percentile_cont(0.5) within group (order by x.took) as median_wait,
       percentile_cont(0.95) within group (order by x.took) as p95_wait,
       count(*) filter (where x.due < c.now + interval '1 hour') as due_within_hour,
       count(*) filter (where x.due < c.now + interval '24 hours') as due_within_day, min(x.due) as next_due_at
from figures x
join steps s on s.workflow_id = x.workflow_id and s.version = x.version and s.step = x.step
join waypost.workflows w on w.id = x.workflow_id
join clocks c on c.id = s.tenant_id
group by c.name, w.slug, s.step_id, s.wait_type;
comment on view waypost.wait_stats is 'Figures of each wait';
comment on column waypost.wait_stats.tenant is 'Name of the tenant it belongs to';
comment on column waypost.wait_stats.workflow is 'Id of the workflow, as in its definition';
comment on column waypost.wait_stats.step_id is 'The step that waits';
comment on column waypost.wait_stats.wait_type is 'duration, until_date, until_time ...; of another step that waits, its type';
comment on column waypost.wait_stats.waiting_now is 'Live branches that are parked there';
comment on column waypost.wait_stats.waits_started is 'Times that a branch parked there';
comment on column waypost.wait_stats.waits_ended is 'Times that it went on, timed out and skipped ones included';
comment on column waypost.wait_stats.timed_out is 'Times that it went on because the time was up';
comment on column waypost.wait_stats.skipped is 'Times that an operator let it go on';
comment on column waypost.wait_stats.average_wait is 'From parking to going on, over those that ended';
comment on column waypost.wait_stats.median_wait is 'Half of those that ended waited no longer';
comment on column waypost.wait_stats.p95_wait is '95 of 100 of those that ended waited no longer';
comment on column waypost.wait_stats.due_within_hour is 'Live branches that the clock looks at within an hour, business time';
comment on column waypost.wait_stats.due_within_day is 'Live branches that the clock looks at within 24 hours, business time';
comment on column waypost.wait_stats.next_due_at is 'The earliest time at which the clock looks at one';
