-- The results table's rows.
-- used by: app/demo/results.rs read
-- locks:   none
-- index:   none, it reads the view whole
select s.workflow, s.total_enrollments::bigint, s.completed_enrollments::bigint, s.exited_enrollments::bigint,
       s.failed_enrollments::bigint, s.blocked_enrollments::bigint, s.goal_achievements::bigint,
       extract(epoch from s.average_completion_time)::float8
  from waypost.workflow_stats s
 where s.tenant = $1
 order by s.workflow
