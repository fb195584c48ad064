-- Whether this login sees the rows of every tenant although row security is forced: it inherits the worker's policies.
-- used by: store/overview.rs sees_all
-- locks:   none
-- index:   catalog
select coalesce((select pg_catalog.pg_has_role(r.oid, 'usage') from pg_catalog.pg_roles r
                  where r.rolname = 'waypost_worker'), false)
