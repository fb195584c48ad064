-- Contacts of the bench, with a city and a score.
-- used by: app/bench/ground.rs
-- locks:   none
-- index:   none
insert into crm.contacts (tenant_id, email, city, custom_fields)
select $1, 'bench-' || gen_random_uuid() || '@example.com', 'Paris', jsonb_build_object('score', g % 100)
  from generate_series(1, $2) g
returning id
