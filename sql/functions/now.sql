-- Business time: the tenant's own clock where it has one (tests, demo), else the database's. Lease time is never this.
-- Called by: everything that decides by time. Locks: none. Index: tenants_name_uq.
-- needs: current_tenant
create or replace function waypost.now(tenant text default waypost.current_tenant()) returns timestamptz
language sql volatile security definer set search_path = ''
as $$
  select coalesce((select t.clock from waypost.tenants t where t.name = tenant), clock_timestamp())
$$;
