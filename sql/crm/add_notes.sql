-- Adds notes to contacts and returns how many; a contact that is not there gets none.
-- Called by: workers, in the advance transaction. Locks: none but the new rows. Index: contacts_pk.
create or replace function waypost.add_notes(tenants text[], ids uuid[], bodies text[]) returns int
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  v_count int;
begin
  insert into crm.notes (tenant_id, contact_id, body, created_at)
  select u.t, u.i, u.body, waypost.now(u.t)
  from unnest(tenants, ids, bodies) with ordinality u(t, i, body, o)
  where exists (select from crm.contacts c where c.tenant_id = u.t and c.id = u.i)
  order by u.o;
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
