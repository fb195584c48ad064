-- Adds notes to contacts and returns how many. Here: there are none.
-- Called by: workers, in the advance transaction. Locks: none. A team's own mapping takes this place.
create function waypost.add_notes(tenants text[], ids uuid[], bodies text[]) returns int
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  select 0
$$;
