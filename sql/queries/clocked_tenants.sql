-- Tenants with a clock of their own: normal claims leave them out.
-- used by: store/clock.rs
-- locks:   none
-- index:   a small reference table
select t.id, t.name, t.clock from waypost.tenants t where t.clock is not null
