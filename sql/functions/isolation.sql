-- True when row security keeps the tenants apart; false where the roles could not be made.
-- Called by: migrate, doctor, /readyz. Locks: none. Index: none.
create or replace function waypost.isolation() returns boolean
language plpgsql stable parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce((select c.relrowsecurity and c.relforcerowsecurity
                          and exists (select from pg_catalog.pg_policy p where p.polrelid = c.oid)
                   from pg_catalog.pg_class c
                   where c.oid = pg_catalog.to_regclass('waypost.runs')), false);
end
$$;
