-- used by: store/tenants.rs find
-- locks:   none
-- index:   tenants_name_uq
select t.id, t.timezone from waypost.tenants t where t.name = $1
