-- contact.created for each new row, and contact.tag.added for each tag that it came with; COPY is one statement.
-- Called by: the statement trigger. Locks: none. Index: none.
-- needs: contact_json, record_events
create or replace function crm.contacts_inserted() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_scope text := waypost.enter('*');
begin
  perform crm.record_events(array_agg(x.tenant_id), array_agg(x.id), array_agg(x.type), null, array_agg(x.data), null,
                            array_agg(x.new), null, array_agg(x.turn))
  from (select r.tenant_id, r.id, 'contact.created' as type, jsonb_build_object('source', r.source, 'tags', r.tags) as data,
               crm.contact_json(r) as new, 0 as turn
        from added r
        union all
        select r.tenant_id, r.id, 'contact.tag.added', jsonb_build_object('tag', g.tag, 'tags', r.tags), null, g.turn::int
        from added r, lateral unnest(r.tags) with ordinality g(tag, turn)
        where r.tags <> '{}') x
  having count(*) > 0;
  perform waypost.enter(v_scope);
  return null;
end
$$;
drop trigger if exists contacts_inserted on crm.contacts;
create trigger contacts_inserted after insert on crm.contacts
  referencing new table as added for each statement execute function crm.contacts_inserted();
