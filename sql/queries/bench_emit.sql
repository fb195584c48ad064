-- A trigger of the bench, as a program would write it.
-- used by: app/bench/cases/latency.rs
-- locks:   none
-- index:   none
select waypost.emit('custom.event', $1, '{"name": "bench"}', tenant => $2)
