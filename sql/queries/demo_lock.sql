-- One demo at a time in a tenant; held by the session.
-- used by: app/demo/crm.rs claim
-- locks:   an advisory lock of the session
-- index:   none
select pg_try_advisory_lock(hashtextextended('waypost demo ' || $1, 0))
