-- Before an operator's own query: nothing is written, and names are found by the path that his login has, not by ours.
-- used by: store/intake.rs contacts_of
-- locks:   none
-- index:   none
select set_config('transaction_read_only', 'on', true),
       set_config('search_path', (select s.reset_val from pg_catalog.pg_settings s where s.name = 'search_path'), true)
