-- used by: store/session.rs snapshot
-- locks:   none
-- index:   none
begin isolation level repeatable read read only
