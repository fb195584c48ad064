-- used by: store/tenants.rs list
-- locks:   none
-- index:   none: a small table, read whole
select t.name, t.timezone, t.clock, t.created_at from waypost.tenants t order by t.name
