-- used by: store/workflows.rs insert_version
-- locks:   the row it inserts
-- index:   versions_pk
insert into waypost.versions (workflow_id, version, tenant_id, definition, steps, goals, checksum)
values ($1, $2, $3, $4::text::jsonb, $5, $6, $7)
