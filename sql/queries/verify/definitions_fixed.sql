-- Every execution is pinned to a version that is there.
-- used by: app/verify.rs
-- locks:   none
-- index:   versions_pk
select count(*)
  from (select workflow_id, version, tenant_id from waypost.runs
        union all
        select workflow_id, version, tenant_id from waypost.finished) e
 where ($1::int is null or e.tenant_id = $1)
   and not exists (select 1 from waypost.versions v where v.workflow_id = e.workflow_id and v.version = e.version)
