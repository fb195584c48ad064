-- Writes changes to contacts, as deltas on the rows as they are now, and returns how many rows changed.
-- Entries of one contact apply in the order given, in each the tags to remove before those to add; null: nothing.
-- A tag that is taken off and put on again goes to the end of the list.
-- set_fields: built-in fields by their snake case names, any other name is a custom field; null clears.
-- Called by: workers, in the advance transaction, after lock_contacts. Locks: the rows. Index: contacts_pk.
create or replace function waypost.write_contacts(
  tenants      text[],
  ids          uuid[],
  add_tags     jsonb[],
  remove_tags  jsonb[],
  set_fields   jsonb[]
) returns int
language plpgsql volatile set search_path = pg_catalog, pg_temp set enable_hashjoin = on set enable_sort = on
as $$
#variable_conflict use_column
declare
  v_field  text;
  v_count  int;
begin
  select f into v_field
  from unnest(set_fields) s, lateral jsonb_object_keys(s) f
  where jsonb_typeof(s) = 'object'
    and f in ('id', 'tenant_id', 'full_name', 'created_at', 'updated_at', 'tags', 'custom_fields')
  limit 1;
  if v_field is not null then
    raise exception using errcode = 'WP004', message = format('the contact field "%s" cannot be set', v_field),
      hint = case v_field when 'full_name' then 'It follows from first_name and last_name.'
                          when 'tags' then 'Use add_tag and remove_tag.' else 'It is kept by the CRM.' end;
  end if;

  with entries as (
    select u.t, u.i, u.a, u.r, u.f, u.o
    from unnest(tenants, ids, add_tags, remove_tags, set_fields) with ordinality u(t, i, a, r, f, o)),
  tag_ops as (
    select distinct on (x.t, x.i, x.tag) x.t, x.i, x.tag, x.adds, x.o, x.n,
           bool_or(not x.adds) over (partition by x.t, x.i, x.tag) as removed
    from (select e.t, e.i, e.o, true as adds, g.tag, g.n
          from entries e, lateral jsonb_array_elements_text(coalesce(e.a, '[]')) with ordinality g(tag, n)
          union all
          select e.t, e.i, e.o, false, g.tag, g.n
          from entries e, lateral jsonb_array_elements_text(coalesce(e.r, '[]')) with ordinality g(tag, n)) x
    order by x.t, x.i, x.tag, x.o desc, x.adds desc),
  tag_deltas as (
    select g.t, g.i, array_agg(g.tag order by g.o, g.n) filter (where g.adds) as adds,
           array_agg(g.tag) filter (where g.removed) as removes
    from tag_ops g group by g.t, g.i),
  field_deltas as (
    select e.t, e.i, jsonb_object_agg(p.key, p.value order by e.o) as f
    from entries e, lateral jsonb_each(coalesce(e.f, '{}')) p group by e.t, e.i),
  deltas as (
    select coalesce(g.t, f.t) as t, coalesce(g.i, f.i) as i, coalesce(g.adds, '{}') as adds,
           coalesce(g.removes, '{}') as removes, coalesce(f.f, '{}') as f
    from tag_deltas g full join field_deltas f on f.t = g.t and f.i = g.i),
  changed as (
    select c.tenant_id, c.id, d.f,
           array(select t from unnest(c.tags) with ordinality g(t, o) where t <> all(d.removes) order by o)
             || array(select t from unnest(d.adds) with ordinality g(t, o)
                      where t <> all(c.tags) or t = any(d.removes) order by o) as tags,
           (select coalesce(jsonb_object_agg(p.key, p.value), '{}') from jsonb_each(
              c.custom_fields || (d.f - array['external_id', 'email', 'phone', 'first_name', 'last_name', 'company_name',
                'timezone', 'source', 'dnd', 'address1', 'city', 'state', 'postal_code', 'country', 'birth_date',
                'owner_id', 'last_purchase_date'])) p
            where p.value <> 'null') as custom_fields
    from deltas d join crm.contacts c on c.tenant_id = d.t and c.id = d.i)
  update crm.contacts c
  set tags = n.tags,
      custom_fields = n.custom_fields,
      external_id = case when n.f ? 'external_id' then n.f ->> 'external_id' else c.external_id end,
      email = case when n.f ? 'email' then n.f ->> 'email' else c.email end,
      phone = case when n.f ? 'phone' then n.f ->> 'phone' else c.phone end,
      first_name = case when n.f ? 'first_name' then n.f ->> 'first_name' else c.first_name end,
      last_name = case when n.f ? 'last_name' then n.f ->> 'last_name' else c.last_name end,
      company_name = case when n.f ? 'company_name' then n.f ->> 'company_name' else c.company_name end,
      timezone = case when n.f ? 'timezone' then n.f ->> 'timezone' else c.timezone end,
      source = case when n.f ? 'source' then n.f ->> 'source' else c.source end,
      dnd = case when n.f ? 'dnd' then coalesce(nullif(n.f -> 'dnd', 'null'), '{}') else c.dnd end,
      address1 = case when n.f ? 'address1' then n.f ->> 'address1' else c.address1 end,
      city = case when n.f ? 'city' then n.f ->> 'city' else c.city end,
      state = case when n.f ? 'state' then n.f ->> 'state' else c.state end,
      postal_code = case when n.f ? 'postal_code' then n.f ->> 'postal_code' else c.postal_code end,
      country = case when n.f ? 'country' then n.f ->> 'country' else c.country end,
      birth_date = case when n.f ? 'birth_date' then crm.as_date('birth_date', n.f ->> 'birth_date') else c.birth_date end,
      owner_id = case when n.f ? 'owner_id' then n.f ->> 'owner_id' else c.owner_id end,
      last_purchase_date = case when n.f ? 'last_purchase_date'
        then crm.as_instant('last_purchase_date', n.f ->> 'last_purchase_date') else c.last_purchase_date end
  from changed n
  where c.tenant_id = n.tenant_id and c.id = n.id
    and (n.f <> '{}' or n.tags <> c.tags);
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
