-- used by: store/operate.rs order
-- locks:   as waypost.resume
-- index:   runs_pk
select waypost.resume($1)
