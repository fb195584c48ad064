-- Becomes a role where it exists and this login may; else it stays who it is.
-- used by: store/pool.rs, in the batch that a fresh connection begins with ($1 is put in: a batch takes no parameters)
-- locks:   none
-- index:   catalog
select pg_catalog.set_config('role', r.rolname, false)
  from pg_catalog.pg_roles r
 where r.rolname = $1 and pg_catalog.pg_has_role(r.oid, 'member')
