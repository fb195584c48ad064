-- used by: store/overview.rs
-- locks:   none
-- index:   none
set local statement_timeout = '2s'
