-- Whether events of the bench's tenant wait to be matched.
-- used by: app/bench/ground.rs
-- locks:   none
-- index:   event_queue_turns
select exists (select from waypost.event_queue q where q.tenant_id = $1)
