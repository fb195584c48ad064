-- Before a contact's row is written: custom fields take their declared types, updated_at follows.
-- Called by: row triggers on crm.contacts. Locks: none. Index: custom_fields_pk.
-- needs: coerce_custom_fields
create or replace function crm.contacts_before() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if new.custom_fields <> '{}' then
    new.custom_fields := crm.coerce_custom_fields(new.tenant_id, new.custom_fields);
  end if;
  if tg_op = 'UPDATE' then
    new.updated_at := waypost.now(new.tenant_id);
  end if;
  return new;
end
$$;
drop trigger if exists contacts_before_insert on crm.contacts;
create trigger contacts_before_insert before insert on crm.contacts
  for each row when (new.custom_fields <> '{}') execute function crm.contacts_before();
drop trigger if exists contacts_before_update on crm.contacts;
create trigger contacts_before_update before update on crm.contacts
  for each row execute function crm.contacts_before();
