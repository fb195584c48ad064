-- Keeps somebody out of every workflow that looks at this list; true: it is new there. A workflow looks at the lists that
-- its suppressionLists name, by default at `global`. What runs already goes on: cancel that.
-- Called by: applications. Locks, index: as suppress_many.
-- needs: current_tenant, suppress_many
create or replace function waypost.suppress(
  value       text,
  kind        text default null,
  list        text default 'global',
  reason      text default null,
  expires_at  timestamptz default null,
  tenant      text default waypost.current_tenant()
) returns boolean
language sql volatile set search_path = pg_catalog, pg_temp
as $$ select waypost.suppress_many(array[value], kind, list, reason, expires_at, tenant) = 1 $$;
