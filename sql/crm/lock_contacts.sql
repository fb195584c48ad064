-- Locks the contacts' rows in id order without waiting, and returns those it got; a contact that is not there is not.
-- Called by: workers, before they write contacts. Locks: the rows returned (FOR UPDATE SKIP LOCKED). Index: contacts_pk.
create or replace function waypost.lock_contacts(tenants text[], ids uuid[]) returns setof uuid
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  select c.id
  from (select distinct u.t, u.i from unnest(tenants, ids) u(t, i)) x
  join crm.contacts c on c.tenant_id = x.t and c.id = x.i
  order by c.tenant_id, c.id
  for update of c skip locked
$$;
