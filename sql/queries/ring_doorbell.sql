-- used by: store/doorbell.rs ring, on a connection of its own, at most every 10 ms, after commit
-- locks:   the notify queue's, in a transaction that does nothing else
-- index:   none
select pg_notify('waypost', $1)
