-- Locks the contacts' rows in id order without waiting, and returns those it got. Here: there are none.
-- Called by: workers, before they write contacts. Locks: the rows returned. A team's own mapping takes this place.
create function waypost.lock_contacts(tenants text[], ids uuid[]) returns setof uuid
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  select null::uuid where false
$$;
