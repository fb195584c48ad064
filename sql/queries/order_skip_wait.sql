-- used by: store/operate.rs order
-- locks:   as waypost.skip_wait
-- index:   runs_pk
select waypost.skip_wait($1)
