-- Whether this server takes writes: no standby, and not told to be read-only.
-- used by: store/hosts.rs must_write
-- locks:   none
-- index:   none
select not pg_catalog.pg_is_in_recovery() and current_setting('transaction_read_only') = 'off'
