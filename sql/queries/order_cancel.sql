-- used by: store/operate.rs order
-- locks:   as waypost.cancel
-- index:   runs_pk
select waypost.cancel($1, $2)
