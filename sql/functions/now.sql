-- Business time: the tenant's own clock where it has one (tests, demo), else the database's. Lease time is never this.
-- Called by: everything that decides by time. Locks: none. Index: tenants_name_uq.
-- A tenant's clock is told to those who may speak for it only; asked last, where there is one.
-- In plpgsql, which keeps the plan for the session: a function in SQL is planned anew in every transaction that calls it.
-- needs: current_tenant, tenant_number
create or replace function waypost.now(tenant text default waypost.current_tenant()) returns timestamptz
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce((select t.clock from waypost.tenants t
                   where t.name = now.tenant and t.clock is not null and t.id = waypost.tenant_number(t.name)),
                  clock_timestamp());
end
$$;
