-- A time zone's name if Postgres knows it, else the other one: a contact's typing error must not stop anything.
-- Called by: span_shift's callers. Locks: none. Index: none.
create or replace function waypost.zone_or(p_zone text, p_else text) returns text
language plpgsql stable parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
  if p_zone is null or p_zone = '' then
    return p_else;
  end if;
  perform timestamptz 'epoch' at time zone p_zone;
  return p_zone;
exception when invalid_parameter_value then
  return p_else;
end
$$;
