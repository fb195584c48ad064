-- Whether events are queued.
-- used by: app/bench.rs
-- locks:   none
-- index:   event_queue_pk
select exists (select from waypost.event_queue q)
