-- The row of the tenant's only workflow, with every column.
-- used by: app/bench/cases/stats.rs
-- locks:   none
-- index:   none
select s.total_enrollments, to_jsonb(s)
  from waypost.workflow_stats s join waypost.tenants t on t.name = s.tenant
 where t.id = $1
