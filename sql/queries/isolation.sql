-- used by: store/overview.rs isolated
-- locks:   none
-- index:   catalog
select waypost.isolation()
