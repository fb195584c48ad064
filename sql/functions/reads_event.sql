-- Whether an event of a type (for contact.field.changed: of a field) is written: some published or running version
-- reads it, or it is recorded. Recorded by default: all but contact.updated and contact.field.changed.
-- Called by: the triggers of the reference CRM and of watch. Locks: none. Index: interests_pk, trigger_index_pk,
-- recorded_events_pk.
create or replace function waypost.reads_event(p_tenant int, p_type text, p_field text default '') returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (select from waypost.trigger_index t where t.tenant_id = p_tenant and t.event_type = p_type)
      or exists (select from waypost.interests i
                 where i.tenant_id = p_tenant and i.event_type = p_type and (i.field = '' or i.field = p_field))
      or coalesce((select r.recorded from waypost.recorded_events r
                   where r.tenant_id = p_tenant and r.event_type = p_type),
                  p_type not in ('contact.updated', 'contact.field.changed'));
end
$$;
