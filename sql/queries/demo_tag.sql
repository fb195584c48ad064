-- Tags are given to contacts who do not carry them.
-- used by: app/demo/crm.rs write
-- locks:   the contacts
-- index:   contacts_pk
update crm.contacts c set tags = c.tags || u.tag
  from unnest($1::uuid[], $2::text[]) u(id, tag)
 where c.tenant_id = $3 and c.id = u.id and u.tag <> all (c.tags)
