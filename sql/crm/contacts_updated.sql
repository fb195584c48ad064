-- What changed in contacts: contact.updated, contact.field.changed for each field, contact.tag.added and .removed,
-- contact.dnd.changed for each channel, with old and new values.
-- The turns of one statement lie within microseconds: what the same transaction tells next comes after all of them.
-- Called by: the statement trigger. Locks: none. Index: none.
-- needs: contact_json, record_events
create or replace function crm.contacts_updated() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
  -- Workers switch these off for their own statements; old and new rows are paired by hash.
  set enable_hashjoin = on set enable_sort = on
as $$
declare
  v_scope   text := waypost.enter('*');
  v_fields  boolean;
begin
  -- Comparing fields costs most by far: only where some tenant of the statement has it read or kept.
  select coalesce(bool_or(waypost.reads_event(t.id, 'contact.updated') or waypost.reads_event(t.id, 'contact.field.changed')
           or exists (select from waypost.interests i
                      where i.tenant_id = t.id and i.event_type = 'contact.field.changed')), false)
    into v_fields
  from waypost.tenants t where t.name in (select distinct a.tenant_id from after a);

  perform crm.record_events(array_agg(x.tenant_id), array_agg(x.id), array_agg(x.type), array_agg(x.field),
    array_agg(x.data), array_agg(x.old), array_agg(x.new), null, array_agg(x.turn::int))
  from (
    with pairs as materialized (
      select n.tenant_id, n.id, o.tags as old_tags, n.tags as new_tags, o.dnd as old_dnd, n.dnd as new_dnd,
             case when v_fields then crm.contact_json(o) end as old, case when v_fields then crm.contact_json(n) end as new
      from before o join after n on n.tenant_id = o.tenant_id and n.id = o.id
      where o.* is distinct from n.*),
    fields as materialized (
      select p.tenant_id, p.id, k.field, p.old -> k.field as old, p.new -> k.field as new, k.n
      from pairs p, lateral jsonb_object_keys(p.old || p.new) with ordinality k(field, n)
      where p.old -> k.field is distinct from p.new -> k.field and k.field not in ('id', 'tags', 'dnd'))
    select f.tenant_id, f.id, 'contact.field.changed' as type, f.field,
           jsonb_build_object('field', f.field, 'old', f.old, 'new', f.new) as data,
           jsonb_build_object(f.field, f.old) as old, jsonb_build_object(f.field, f.new) as new, f.n as turn
    from fields f
    union all
    select p.tenant_id, p.id, 'contact.tag.removed', null, jsonb_build_object('tag', g.tag, 'tags', p.new_tags),
           jsonb_build_object('tags', p.old_tags), jsonb_build_object('tags', p.new_tags), 100 + g.n
    from pairs p, lateral unnest(p.old_tags) with ordinality g(tag, n) where g.tag <> all(p.new_tags)
    union all
    select p.tenant_id, p.id, 'contact.tag.added', null, jsonb_build_object('tag', g.tag, 'tags', p.new_tags),
           jsonb_build_object('tags', p.old_tags), jsonb_build_object('tags', p.new_tags), 100 + cardinality(p.old_tags) + g.n
    from pairs p, lateral unnest(p.new_tags) with ordinality g(tag, n) where g.tag <> all(p.old_tags)
    union all
    select p.tenant_id, p.id, 'contact.dnd.changed', null,
           jsonb_build_object('channel', k.channel, 'old', p.old_dnd -> k.channel, 'new', p.new_dnd -> k.channel),
           jsonb_build_object('dnd', p.old_dnd), jsonb_build_object('dnd', p.new_dnd), 120 + cardinality(p.old_tags) + cardinality(p.new_tags) + k.n
    from pairs p, lateral jsonb_object_keys(p.old_dnd || p.new_dnd) with ordinality k(channel, n)
    where p.old_dnd -> k.channel is distinct from p.new_dnd -> k.channel
    union all
    select f.tenant_id, f.id, 'contact.updated', null,
           jsonb_build_object('changed', jsonb_object_agg(f.field, jsonb_build_object('old', f.old, 'new', f.new))),
           jsonb_object_agg(f.field, f.old), jsonb_object_agg(f.field, f.new), max(f.turn)
    from (select f.tenant_id, f.id, f.field, f.old, f.new, 140 + f.n as turn from fields f
          union all
          select p.tenant_id, p.id, 'tags', to_jsonb(p.old_tags), to_jsonb(p.new_tags),
                 140 + cardinality(p.old_tags) + cardinality(p.new_tags) from pairs p
          where v_fields and p.old_tags <> p.new_tags
          union all
          select p.tenant_id, p.id, 'dnd', p.old_dnd, p.new_dnd, 150 from pairs p
          where v_fields and p.old_dnd <> p.new_dnd) f
    group by f.tenant_id, f.id) x
  having count(*) > 0;
  perform waypost.enter(v_scope);
  return null;
end
$$;
drop trigger if exists contacts_updated on crm.contacts;
create trigger contacts_updated after update on crm.contacts
  referencing old table as before new table as after for each statement execute function crm.contacts_updated();
