-- used by: store/others.rs, for executions that have ended and are waited for
-- locks:   awaited rows
-- index:   awaited_pk
select waypost.wake_parents($1::uuid[], $2)
