-- What hangs on an execution or names a workflow belongs to its tenant (I-8).
-- used by: app/verify.rs
-- locks:   none
-- index:   runs_pk, versions_pk, workflows_pk
select (select count(*) from waypost.sends s
          join waypost.runs r on r.bucket = s.bucket and r.id = s.execution_id
         where ($1::int is null or s.tenant_id = $1) and r.tenant_id <> s.tenant_id)
     + (select count(*) from waypost.runs r
          join waypost.versions v on v.workflow_id = r.workflow_id and v.version = r.version
         where ($1::int is null or r.tenant_id = $1) and v.tenant_id <> r.tenant_id)
     + (select count(*) from waypost.all_bursts b
          join waypost.workflows w on w.id = b.workflow_id
         where ($1::int is null or b.tenant_id = $1) and w.tenant_id <> b.tenant_id)
     + (select count(*) from waypost.wakes k
          join waypost.runs r on r.bucket = k.bucket and r.id = k.execution_id
         where ($1::int is null or k.tenant_id = $1) and r.tenant_id <> k.tenant_id)
     + (select count(*) from (select workflow_id, tenant_id from waypost.sends
                              union all select workflow_id, tenant_id from waypost.deliveries
                              union all select workflow_id, tenant_id from waypost.finished
                              union all select workflow_id, tenant_id from waypost.timers) x
          join waypost.workflows w on w.id = x.workflow_id
         where ($1::int is null or x.tenant_id = $1) and w.tenant_id <> x.tenant_id)
