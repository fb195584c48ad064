-- A tenant's number, or an error that says why not.
-- Called by: public functions that raise. Locks: none. Index: tenants_name_uq.
-- needs: tenant_number
create or replace function waypost.require_tenant(p_tenant text) returns int
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  v_id int := waypost.tenant_number(p_tenant);
begin
  if v_id is null then
    raise exception using errcode = 'WP001',
      message = format('tenant "%s" does not exist, or this login may not speak for it', p_tenant),
      hint = 'Create it with "waypost tenants", or let the login name it: a row in waypost.role_tenants.';
  end if;
  return v_id;
end
$$;
