-- used by: store/clock.rs set
-- locks:   the tenant's row
-- index:   tenants_pk
update waypost.tenants set clock = $2 where id = $1
