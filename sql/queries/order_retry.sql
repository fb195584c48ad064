-- used by: store/operate.rs order
-- locks:   as waypost.retry
-- index:   runs_pk
select waypost.retry($1, $2, $3)
