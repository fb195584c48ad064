-- used by: store/operate.rs order
-- locks:   as waypost.pause
-- index:   runs_pk
select waypost.pause($1)
