-- used by: store/operate.rs order
-- locks:   as waypost.move
-- index:   runs_pk
select waypost.move($1, $2, $3)
