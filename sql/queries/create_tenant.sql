-- used by: store/tenants.rs create
-- locks:   the row it inserts
-- index:   tenants_name_uq
insert into waypost.tenants (name, timezone) values ($1, $2) on conflict on constraint tenants_name_uq do nothing
