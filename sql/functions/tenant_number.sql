-- A tenant's number, or null: no such tenant, or one that this login may not name (waypost.role_tenants).
-- The setting waypost.tenant alone proves nothing: who logged in decides. A login that may work as a worker or is
-- superuser names every tenant, and so does everybody where tenants are not isolated.
-- Called by: every public function. Locks: none. Index: tenants_name_uq, role_tenants_uq.
-- The role may not exist: then nobody is isolated, and the name alone would be an error.
-- In plpgsql, which keeps the plan for the session: a function in SQL is planned anew in every transaction that calls it.
-- needs: isolation
create or replace function waypost.tenant_number(p_tenant text) returns int
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return (select t.id
          from waypost.tenants t
          where t.name = p_tenant
            and (exists (select from waypost.role_tenants r
                         where r.role_name = session_user and (r.tenant_id is null or r.tenant_id = t.id))
                 or pg_catalog.pg_has_role(session_user, pg_catalog.to_regrole('waypost_worker'), 'member')
                 or not waypost.isolation()));
end
$$;
