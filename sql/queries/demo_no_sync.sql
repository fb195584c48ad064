-- This transaction's commit does not wait for the disk.
-- used by: app/demo.rs play
-- locks:   none
-- index:   none
select set_config('synchronous_commit', 'off', true)
