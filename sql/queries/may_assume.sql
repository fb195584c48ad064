-- used by: store/pool.rs
-- locks:   none
-- index:   catalog
select exists (
  select 1 from pg_catalog.pg_roles r
   where r.rolname = $1 and pg_catalog.pg_has_role(r.oid, 'member')) as may
