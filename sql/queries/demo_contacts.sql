-- People come into the CRM: imported, or signing up.
-- used by: app/demo/crm.rs write
-- locks:   the new rows
-- index:   none
insert into crm.contacts (id, email, first_name, last_name, city, source, tags, last_purchase_date)
select u.id, u.email, u.first, u.last, u.city, u.source, array_remove(string_to_array(u.tags, ' '), ''), u.bought
  from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[])
       u(id, email, first, last, city, source, tags, bought)
