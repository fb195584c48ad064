-- used by: store/tenants.rs now
-- locks:   none
-- index:   tenants_name_uq
select waypost.now($1)
