-- Definitions of versions that a worker's cache does not hold yet. A published version is immutable (I-10).
-- used by: store/programs.rs, store/workflows.rs definition
-- locks:   none
-- index:   versions_pk
select v.workflow_id, v.version, v.definition, t.id as tenant_id, t.name as tenant, t.timezone
  from unnest($1::int[], $2::int[]) x(w, n)
  join waypost.versions v on v.workflow_id = x.w and v.version = x.n
  join waypost.tenants t on t.id = v.tenant_id
