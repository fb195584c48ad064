-- Copies a published workflow: into every tenant that is named after the workflow's own, or, where a number is given,
-- so often into the tenant itself, under other ids. No copy hears any event.
-- used by: app/bench/cases/fair.rs, app/bench/cases/memory.rs
-- locks:   the rows it inserts
-- index:   workflows_slug_uq
with one as (
  select w.* from waypost.workflows w where w.tenant_id = $1 and w.slug = $2),
places as (
  select t.id as tenant_id, $2 as slug from waypost.tenants t where $4::bigint = 0 and starts_with(t.name, $3 || '-')
  union all
  select $1, $2 || '-' || g from generate_series(1, $4::bigint) g),
made as (
  insert into waypost.workflows (tenant_id, slug, name, status, version, priority, needs_ledger, keep_starts)
  select p.tenant_id, p.slug, o.name, o.status, o.version, o.priority, o.needs_ledger, o.keep_starts
    from one o cross join places p
  returning id, tenant_id, slug, version)
insert into waypost.versions (workflow_id, version, tenant_id, definition, steps, goals, checksum, published_at)
select m.id, m.version, m.tenant_id, jsonb_set(v.definition, '{id}', to_jsonb(m.slug)), v.steps, v.goals, v.checksum,
       v.published_at
  from made m cross join one o
  join waypost.versions v on v.workflow_id = o.id and v.version = o.version
