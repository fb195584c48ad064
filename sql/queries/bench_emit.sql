-- used by: app/bench.rs
-- locks:   none
-- index:   none
select waypost.emit('custom.event', $1, '{"name": "bench"}', tenant => $2)
