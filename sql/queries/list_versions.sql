-- Versions of a workflow, newest first, with their live executions.
-- used by: store/versions.rs versions
-- locks:   none
-- index:   versions_pk; live executions are read whole
select v.version, v.created_at, v.published_at, v.version is not distinct from w.version, cardinality(v.steps),
       coalesce(r.live, 0)
  from waypost.versions v
  join waypost.workflows w on w.id = v.workflow_id
  left join (select r.version, count(*) as live from waypost.runs r
              where r.tenant_id = $1 and r.workflow_id = $2 group by r.version) r on r.version = v.version
 where v.tenant_id = $1 and v.workflow_id = $2
 order by v.version desc
