-- Makes small tenants named after another, each with some contacts; answers their names and contacts.
-- used by: app/bench/cases/fair.rs
-- locks:   the rows it inserts
-- index:   tenants_name_uq
with small as (
  insert into waypost.tenants (name) select $1 || '-' || g from generate_series(1, $2::bigint) g returning name),
people as (
  insert into crm.contacts (tenant_id, email, city, custom_fields)
  select s.name, 'bench-' || gen_random_uuid() || '@example.com', 'Paris', jsonb_build_object('score', g % 100)
    from small s cross join generate_series(1, $3::bigint) g
  returning tenant_id, id)
select p.tenant_id, array_agg(p.id) from people p group by p.tenant_id
