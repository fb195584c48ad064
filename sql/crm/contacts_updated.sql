-- What changed in contacts: contact.updated, contact.field.changed for each field, contact.tag.added and .removed,
-- contact.dnd.changed for each channel, with old and new values.
-- Called by: the statement trigger. Locks: none. Index: none.
-- needs: contact_json, record_events
create or replace function crm.contacts_updated() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
  v_scope text := waypost.enter('*');
begin
  perform crm.record_events(
    array_agg(x.tenant_id order by x.id, x.k), array_agg(x.id order by x.id, x.k), array_agg(x.type order by x.id, x.k),
    array_agg(x.field order by x.id, x.k), array_agg(x.data order by x.id, x.k), array_agg(x.old order by x.id, x.k),
    array_agg(x.new order by x.id, x.k), null)
  from (
    with pairs as materialized (
      select n.tenant_id, n.id, o.tags as old_tags, n.tags as new_tags, o.dnd as old_dnd, n.dnd as new_dnd,
             crm.contact_json(o) as old, crm.contact_json(n) as new
      from before o join after n on n.tenant_id = o.tenant_id and n.id = o.id
      where o.* is distinct from n.*),
    fields as materialized (
      select p.tenant_id, p.id, k.field, p.old -> k.field as old, p.new -> k.field as new
      from pairs p, lateral (select f.field from jsonb_object_keys(p.old || p.new) f(field)) k
      where p.old -> k.field is distinct from p.new -> k.field and k.field not in ('id', 'tags', 'dnd'))
    select f.tenant_id, f.id, 'contact.field.changed' as type, f.field,
           jsonb_build_object('field', f.field, 'old', f.old, 'new', f.new) as data,
           jsonb_build_object(f.field, f.old) as old, jsonb_build_object(f.field, f.new) as new, 1 as k
    from fields f
    union all
    select p.tenant_id, p.id, 'contact.tag.removed', g.tag, jsonb_build_object('tag', g.tag, 'tags', p.new_tags),
           jsonb_build_object('tags', p.old_tags), jsonb_build_object('tags', p.new_tags), 2
    from pairs p, lateral unnest(p.old_tags) g(tag) where g.tag <> all(p.new_tags)
    union all
    select p.tenant_id, p.id, 'contact.tag.added', g.tag, jsonb_build_object('tag', g.tag, 'tags', p.new_tags),
           jsonb_build_object('tags', p.old_tags), jsonb_build_object('tags', p.new_tags), 3
    from pairs p, lateral unnest(p.new_tags) g(tag) where g.tag <> all(p.old_tags)
    union all
    select p.tenant_id, p.id, 'contact.dnd.changed', null,
           jsonb_build_object('channel', k.channel, 'old', p.old_dnd -> k.channel, 'new', p.new_dnd -> k.channel),
           jsonb_build_object('dnd', p.old_dnd), jsonb_build_object('dnd', p.new_dnd), 4
    from pairs p, lateral jsonb_object_keys(p.old_dnd || p.new_dnd) k(channel)
    where p.old_dnd -> k.channel is distinct from p.new_dnd -> k.channel
    union all
    select f.tenant_id, f.id, 'contact.updated', null,
           jsonb_build_object('changed', jsonb_object_agg(f.field, jsonb_build_object('old', f.old, 'new', f.new))),
           jsonb_object_agg(f.field, f.old), jsonb_object_agg(f.field, f.new), 5
    from (select f.tenant_id, f.id, f.field, f.old, f.new from fields f
          union all
          select p.tenant_id, p.id, 'tags', to_jsonb(p.old_tags), to_jsonb(p.new_tags) from pairs p
          where p.old_tags <> p.new_tags
          union all
          select p.tenant_id, p.id, 'dnd', p.old_dnd, p.new_dnd from pairs p where p.old_dnd <> p.new_dnd) f
    group by f.tenant_id, f.id) x
  having count(*) > 0;
  perform waypost.enter(v_scope);
  return null;
end
$$;
drop trigger if exists contacts_updated on crm.contacts;
create trigger contacts_updated after update on crm.contacts
  referencing old table as before new table as after for each statement execute function crm.contacts_updated();
