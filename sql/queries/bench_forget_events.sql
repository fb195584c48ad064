-- Forgets the events of making the contacts, which have nothing to do with what is measured.
-- used by: app/bench/ground.rs
-- locks:   the rows
-- index:   event_queue_turns
delete from waypost.event_queue q where q.tenant_id = $1
