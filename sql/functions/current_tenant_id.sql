-- The number of the tenant that the session speaks for, or null where the login may not.
-- Called by: row security (as an init plan, once a statement), reports. Locks: none. Index: tenants_name_uq.
-- needs: current_tenant, tenant_number
create or replace function waypost.current_tenant_id() returns int
language sql stable
return waypost.tenant_number(waypost.current_tenant());
