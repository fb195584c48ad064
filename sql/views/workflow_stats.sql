-- Figures of each workflow
-- Called by: people, reports, the demo. Index: none; live executions are counted where they stand, all else is kept added
-- up: workflow_counts and the few changes that are not in it yet, of one snapshot. So it is exact, reads no history, and
-- goes on counting what retention has dropped.
-- An execution that its first burst refused does not count as an enrolment.
create or replace view waypost.workflow_stats with (security_invoker = true) as
select t.name as tenant, w.slug as workflow, w.name, w.status, w.version,
       coalesce(r.live, 0) + coalesce(e.completed + e.exited + e.cancelled + e.failed, 0) as total_enrollments,
       coalesce(r.live, 0) as active_enrollments,
       coalesce(e.completed, 0) as completed_enrollments, coalesce(e.failed, 0) as failed_enrollments,
       coalesce(e.exited, 0) as exited_enrollments, coalesce(e.cancelled, 0) as cancelled_enrollments,
       coalesce(e.blocked, 0) as blocked_enrollments, coalesce(e.goals, 0) as goal_achievements,
       e.completion_time / nullif(e.completed, 0) as average_completion_time
from waypost.workflows w
join waypost.tenants t on t.id = w.tenant_id
left join (select r.workflow_id, count(*) as live from waypost.runs r group by r.workflow_id) r on r.workflow_id = w.id
left join (select x.workflow_id, sum(x.completed)::bigint as completed, sum(x.exited)::bigint as exited,
                  sum(x.cancelled)::bigint as cancelled, sum(x.failed)::bigint as failed, sum(x.blocked)::bigint as blocked,
                  sum(x.goals)::bigint as goals, sum(x.completion_time) as completion_time
           from (select c.workflow_id, c.completed, c.exited, c.cancelled, c.failed, c.blocked, c.goals, c.completion_time
                 from waypost.workflow_counts c
                 union all
                 select c.workflow_id, c.completed, c.exited, c.cancelled, c.failed, c.blocked, c.goals, c.completion_time
                 from waypost.workflow_changes c) x
           group by x.workflow_id) e on e.workflow_id = w.id;
comment on view waypost.workflow_stats is 'Figures of each workflow';
comment on column waypost.workflow_stats.tenant is 'Name of the tenant it belongs to';
comment on column waypost.workflow_stats.workflow is 'Id of the workflow, as in its definition';
comment on column waypost.workflow_stats.name is 'For people';
comment on column waypost.workflow_stats.status is 'draft, active, paused or archived';
comment on column waypost.workflow_stats.version is 'The published version';
comment on column waypost.workflow_stats.total_enrollments is 'Executions, live and ended';
comment on column waypost.workflow_stats.active_enrollments is 'Live executions';
comment on column waypost.workflow_stats.completed_enrollments is 'Came to the end of every branch';
comment on column waypost.workflow_stats.failed_enrollments is 'Failed for good';
comment on column waypost.workflow_stats.exited_enrollments is 'Left by a goal, an exit condition or end_workflow';
comment on column waypost.workflow_stats.cancelled_enrollments is 'Ended from outside';
comment on column waypost.workflow_stats.blocked_enrollments is 'Enrolments refused, duplicates left out';
comment on column waypost.workflow_stats.goal_achievements is 'Goals achieved';
comment on column waypost.workflow_stats.average_completion_time is 'From enrolment to completion, over the completed ones';
