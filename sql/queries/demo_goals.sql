-- used by: app/demo/results.rs read
-- locks:   none
-- index:   none, it reads the view whole
select g.workflow, g.goal_id, g.total_achievements::bigint, g.unique_contacts::bigint, g.conversion_rate,
       extract(epoch from g.median_time_to_goal)::float8
  from waypost.goal_stats g
 where g.tenant = $1
 order by g.workflow, g.goal_id
