-- The demo's result in one row.
-- used by: app/demo/results.rs read
-- locks:   none
-- index:   none, it reads the views whole
select coalesce(sum(s.total_enrollments), 0)::bigint, coalesce(sum(s.completed_enrollments), 0)::bigint,
       coalesce(sum(s.exited_enrollments), 0)::bigint, coalesce(sum(s.failed_enrollments), 0)::bigint,
       coalesce(sum(s.active_enrollments), 0)::bigint, coalesce(sum(s.goal_achievements), 0)::bigint,
       (select count(*) from waypost.messages m where m.tenant = $1),
       (select count(*) from waypost.event_queue q join waypost.tenants t on t.id = q.tenant_id where t.name = $1)
  from waypost.workflow_stats s
 where s.tenant = $1
