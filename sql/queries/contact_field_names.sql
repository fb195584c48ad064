-- Names of custom fields: those of the first contacts, and those of $2 that any contact has.
-- used by: store/contacts.rs field_names
-- locks:   none
-- index:   none: a deploy's question, which ends at the first contact that has the field
select k.name
  from (select c.fields from waypost.contacts c where c.tenant = $1 limit $3) s
  cross join lateral jsonb_object_keys(s.fields) k(name)
union
select n.name
  from unnest($2::text[]) n(name)
 where exists (select from waypost.contacts c where c.tenant = $1 and c.fields ? n.name)
