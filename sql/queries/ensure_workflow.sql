-- used by: store/workflows.rs ensure
-- locks:   the row it inserts
-- index:   workflows_slug_uq
insert into waypost.workflows (tenant_id, slug, name, priority) values ($1, $2, $3, $4)
on conflict on constraint workflows_slug_uq do nothing
