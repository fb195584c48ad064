-- Figures of each workflow
-- Called by: people, reports, the demo. Index: none, it reads executions and history whole.
-- An execution that its first burst refused does not count as an enrolment.
-- needs: all_bursts, refused_at_start
create or replace view waypost.workflow_stats with (security_invoker = true) as
select t.name as tenant, w.slug as workflow, w.name, w.status, w.version,
       coalesce(e.total, 0) as total_enrollments, coalesce(e.active, 0) as active_enrollments,
       coalesce(e.completed, 0) as completed_enrollments, coalesce(e.failed, 0) as failed_enrollments,
       coalesce(e.exited, 0) as exited_enrollments, coalesce(e.cancelled, 0) as cancelled_enrollments,
       coalesce(b.blocked, 0) as blocked_enrollments, coalesce(g.achieved, 0) as goal_achievements,
       e.average_time as average_completion_time
from waypost.workflows w
join waypost.tenants t on t.id = w.tenant_id
left join (select x.workflow_id, count(*) as total, count(*) filter (where x.status < 4) as active,
                  count(*) filter (where x.status = 4) as completed, count(*) filter (where x.status = 5) as exited,
                  count(*) filter (where x.status = 6) as cancelled, count(*) filter (where x.status = 7) as failed,
                  avg(x.finished_at - x.enrolled_at) filter (where x.status = 4) as average_time
           from (select r.workflow_id, r.status, r.enrolled_at, null::timestamptz as finished_at from waypost.runs r
                 union all
                 select f.workflow_id, f.status, f.enrolled_at, f.finished_at from waypost.finished f
                 where not waypost.refused_at_start(f.reason)) x
           group by x.workflow_id) e on e.workflow_id = w.id
left join (select b.workflow_id, count(*) as blocked from waypost.blocks b where b.reason <> 'duplicate'
           group by b.workflow_id) b on b.workflow_id = w.id
left join (select b.workflow_id, count(*) as achieved from waypost.all_bursts b, lateral unnest(b.kinds) k
           where k = 7 group by b.workflow_id) g on g.workflow_id = w.id;
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
