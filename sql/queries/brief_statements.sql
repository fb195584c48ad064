-- used by: store/overview.rs
-- locks:   none
-- index:   none
select set_config('statement_timeout', '2s', true)
