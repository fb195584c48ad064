-- The definition of one version.
-- used by: store/versions.rs definition
-- locks:   none
-- index:   versions_pk
select v.definition from waypost.versions v where v.tenant_id = $1 and v.workflow_id = $2 and v.version = $3
