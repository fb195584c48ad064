-- used by: store/others.rs remove
-- locks:   executions SKIP LOCKED, outbox rows
-- index:   runs_live_uq
select waypost.remove_executions($1, $2::smallint, $3, $4, $5::text[], $6::text[], $7, $8)
