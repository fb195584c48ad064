-- The tenant that a transaction speaks for.
-- used by: store/session.rs begin
-- locks:   none
-- index:   none
select set_config('waypost.tenant', $1, true)
