-- Published definitions of a tenant's active workflows: what a new one may overlap with.
-- used by: store/workflows.rs active
-- locks:   none
-- index:   workflows_slug_uq, versions_pk
select v.definition
  from waypost.workflows w
  join waypost.versions v on v.workflow_id = w.id and v.version = w.version
 where w.tenant_id = $1 and w.status = 'active'
 order by w.slug
 limit 1000
