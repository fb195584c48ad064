-- Live executions of a workflow by version and step: what a new version leaves where it is.
-- used by: store/workflows.rs live_by_step
-- locks:   none
-- index:   none: live executions are read whole
select r.version, coalesce(v.steps[r.node + 1], '') as step, count(*) as executions
  from waypost.runs r
  left join waypost.versions v on v.workflow_id = r.workflow_id and v.version = r.version
 where r.tenant_id = $1 and r.workflow_id = $2
 group by r.version, r.node, v.steps[r.node + 1]
 order by r.version, r.node
