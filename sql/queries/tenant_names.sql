-- used by: store/clock.rs names
-- locks:   none
-- index:   tenants_pk
select t.id, t.name from waypost.tenants t where t.id = any ($1::int[])
