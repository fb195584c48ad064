-- A value of a suppression list as it is compared: addresses and domains in lower case, telephone numbers as their
-- digits with the leading +. Null: it can be none of that kind. engine/suppression.rs says the same.
-- Called by: suppress, unsuppress, suppression_of. Locks: none. Index: none.
create or replace function waypost.suppression_value(p_kind text, p_value text) returns text
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
  select case p_kind
    when 'contact' then (select x.v from (select lower(btrim(p_value, E' \t\r\n') collate "C") as v) x
                         where x.v ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$')
    when 'email' then (select x.v from (select lower(btrim(p_value, E' \t\r\n') collate "C") as v) x where x.v ~ '^[^@ ]+@[^@ ]+$')
    when 'domain' then (select x.v from (select lower(ltrim(btrim(p_value, E' \t\r\n'), '@') collate "C") as v) x
                        where x.v ~ '^[^@ ]+[.][^@ ]+$')
    when 'phone' then (select x.v from (select case when btrim(p_value, E' \t\r\n') like '+%' then '+' else '' end
                                               || regexp_replace(p_value, '[^0-9]', '', 'g') as v) x
                       where x.v ~ '^[+]?[0-9]{3,}$')
  end
$$;
