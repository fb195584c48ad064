-- What a value of a suppression list looks like: contact (a UUID), email, domain or phone.
-- Called by: suppress_many, unsuppress. Locks: none. Index: none.
create or replace function waypost.suppression_kind(p_value text) returns text
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
  select case
    when btrim(p_value) ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then 'contact'
    when btrim(p_value) ~ '^@?[^@ ]*[A-Za-z][^@ ]*[.][^@ ]+$' then 'domain'
    when p_value like '%@%' then 'email'
    else 'phone'
  end
$$;
