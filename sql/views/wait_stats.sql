-- Figures of each wait
-- Called by: people, reports. Index: none, it reads live executions and history whole.
-- needs: execution_timeline, executions
create or replace view waypost.wait_stats with (security_invoker = true) as
with waits as (
  select x.tenant, x.workflow, x.step_id, x.at, x.event,
         lead(x.at) over w as ended_at, lead(x.event) over w as ended_by, lead(x.result) over w as result
  from waypost.execution_timeline x
  where x.step_id is not null and x.event in ('execution:waiting', 'step:completed', 'step:failed')
  window w as (partition by x.execution_id, x.step_id order by x.seq)),
parked as (
  select t.name as tenant, f.slug as workflow, v.steps[coalesce((b.value ->> 'n')::int, 0) + 1] as step_id,
         waypost.from_millis(b.value -> 'p' -> 'u') as until
  from waypost.runs r
  join waypost.tenants t on t.id = r.tenant_id
  join waypost.workflows f on f.id = r.workflow_id
  join waypost.versions v on v.workflow_id = r.workflow_id and v.version = r.version,
       lateral jsonb_array_elements(coalesce(r.state -> 'b', '[]')) b
  where b.value -> 'p' ->> 'k' in ('t', 'c', 'e', 'w'))
select x.tenant, x.workflow, x.step_id, sum(x.started)::bigint as waits_started, sum(x.ended)::bigint as waits_ended,
       sum(x.timed_out)::bigint as timed_out, sum(x.parked)::bigint as waiting_now, avg(x.took) as average_wait,
       min(x.until) as next_due_at
from (select w.tenant, w.workflow, w.step_id, 1 as started, (w.ended_at is not null)::int as ended,
             coalesce((w.result ->> 'timedOut')::boolean, false)::int as timed_out, 0 as parked, w.ended_at - w.at as took,
             null::timestamptz as until
      from waits w where w.event = 'execution:waiting'
      union all
      select p.tenant, p.workflow, p.step_id, 0, 0, 0, 1, null, p.until from parked p) x
group by x.tenant, x.workflow, x.step_id;
comment on view waypost.wait_stats is 'Figures of each wait';
comment on column waypost.wait_stats.tenant is 'Name of the tenant it belongs to';
comment on column waypost.wait_stats.workflow is 'Id of the workflow, as in its definition';
comment on column waypost.wait_stats.step_id is 'The step that waits';
comment on column waypost.wait_stats.waits_started is 'Times that a branch parked there';
comment on column waypost.wait_stats.waits_ended is 'Times that it went on';
comment on column waypost.wait_stats.timed_out is 'Times that it went on because the time was up';
comment on column waypost.wait_stats.waiting_now is 'Live branches that are parked there';
comment on column waypost.wait_stats.average_wait is 'From parking to going on, over those that ended';
comment on column waypost.wait_stats.next_due_at is 'The earliest time at which one goes on by the clock';
