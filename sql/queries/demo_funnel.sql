-- used by: app/demo/results.rs read
-- locks:   none
-- index:   none, it reads the view whole
select f.workflow, f.step_id, f.entered::bigint, f.completed::bigint, f.skipped::bigint, f.share
  from waypost.step_funnel f
 where f.tenant = $1
 order by f.workflow, f.version, f.step_index
