-- used by: store/session.rs snapshot
-- locks:   none
-- index:   none
set local statement_timeout = 0
