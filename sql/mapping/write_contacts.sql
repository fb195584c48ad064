-- Writes changes to contacts and returns how many rows changed. Here: there are none.
-- Entries of one contact apply in the order given, in each the tags to remove before those to add; null: nothing.
-- Called by: workers, in the advance transaction. Locks: the rows. A team's own mapping takes this place.
create function waypost.write_contacts(
  tenants      text[],
  ids          uuid[],
  add_tags     jsonb[],
  remove_tags  jsonb[],
  set_fields   jsonb[]
) returns int
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  select 0
$$;
