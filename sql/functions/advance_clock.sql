-- Moves the clock of a tenant that has one of its own; it never goes back. Returns the new time.
-- Called by: the process that drives the clock (demo, tests). Locks: the tenant's row. Index: tenants_name_uq.
-- needs: require_tenant
create or replace function waypost.advance_clock(tenant text, "to" timestamptz) returns timestamptz
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant  int := waypost.require_tenant(advance_clock.tenant);
  v_clock   timestamptz;
begin
  update waypost.tenants t set clock = greatest(t.clock, "to") where t.id = v_tenant and t.clock is not null
  returning t.clock into v_clock;
  if not found then
    raise exception using errcode = 'WP018', message = format('tenant "%s" has no clock of its own', advance_clock.tenant),
      hint = 'Only tenants that were created with a clock can be driven.';
  end if;
  return v_clock;
end
$$;
