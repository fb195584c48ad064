-- A reader that may take its time, and writes nothing. Run by a transaction that is rolled back.
-- used by: app/verify.rs
-- locks:   none
-- index:   none
select set_config('statement_timeout', '0', true), set_config('transaction_read_only', 'on', true),
       set_config('idle_in_transaction_session_timeout', '0', true)
