-- Decides what a manual review asks; $2 null: every open one of the execution.
-- used by: store/operate.rs
-- locks:   the execution
-- index:   runs_pk
select waypost.review($1, $2, $3, $4)
