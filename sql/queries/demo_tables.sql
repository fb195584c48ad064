-- The engine's tables whose rows belong to a tenant, in an order in which they can be emptied.
-- used by: app/demo/crm.rs clear
-- locks:   none
-- index:   the catalog
select c.relname::text
  from pg_catalog.pg_class c
  join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
 where c.relnamespace = 'waypost'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
   and c.relname not in ('tenants', 'role_tenants')
 order by c.relname = 'workflows', c.relname = 'versions', c.relname
