-- The tenant with a clock of its own, standing at $2. One without a clock is somebody's own: no row.
-- used by: app/demo/crm.rs claim
-- locks:   the tenant's row
-- index:   tenants_name_uq
insert into waypost.tenants as t (name, clock) values ($1, $2)
    on conflict on constraint tenants_name_uq do update set clock = excluded.clock where t.clock is not null
returning t.id
