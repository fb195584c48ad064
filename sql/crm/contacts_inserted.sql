-- contact.created for each new row, and contact.tag.added for each tag that it came with; COPY is one statement.
-- Called by: the statement trigger. Locks: none. Index: none.
-- needs: contact_json, record_events
create or replace function crm.contacts_inserted() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
  v_scope text := waypost.enter('*');
begin
  perform crm.record_events(array_agg(x.tenant_id order by x.n, x.k), array_agg(x.id order by x.n, x.k),
    array_agg(x.type order by x.n, x.k), null, array_agg(x.data order by x.n, x.k), null,
    array_agg(x.new order by x.n, x.k), null)
  from (select r.tenant_id, r.id, 'contact.created' as type, jsonb_build_object('source', r.source, 'tags', r.tags) as data,
               crm.contact_json(r) as new, r.id as n, 0 as k
        from added r
        union all
        select r.tenant_id, r.id, 'contact.tag.added', jsonb_build_object('tag', g.tag, 'tags', r.tags), null, r.id, g.k::int
        from added r, lateral unnest(r.tags) with ordinality g(tag, k)) x
  having count(*) > 0;
  perform waypost.enter(v_scope);
  return null;
end
$$;
drop trigger if exists contacts_inserted on crm.contacts;
create trigger contacts_inserted after insert on crm.contacts
  referencing new table as added for each statement execute function crm.contacts_inserted();
