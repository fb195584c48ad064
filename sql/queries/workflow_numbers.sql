-- The workflows that steps name.
-- used by: store/others.rs
-- locks:   none
-- index:   workflows_slug_uq
select w.slug, w.id from waypost.workflows w where w.tenant_id = $1 and w.slug = any ($2::text[])
