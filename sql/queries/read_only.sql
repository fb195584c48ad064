-- used by: store/intake.rs contacts_of
-- locks:   none
-- index:   none
select set_config('transaction_read_only', 'on', true)
