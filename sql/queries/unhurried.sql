-- A statement of housekeeping that may take its time, until the transaction ends.
-- used by: store/partitions.rs
-- locks:   none
-- index:   none
select set_config('statement_timeout', '600s', true)
