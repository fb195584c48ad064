-- An event is in the queue or in the log, and in each once.
-- used by: app/verify.rs
-- locks:   none
-- index:   events_pk
select (select count(*)
          from waypost.event_queue q
          join waypost.events e on e.bucket = q.bucket and e.recorded_at = q.recorded_at and e.id = q.id
         where $1::int is null or q.tenant_id = $1)
     + (select count(*)
          from (select 1 from waypost.events e
                 where $1::int is null or e.tenant_id = $1
                 group by e.id having count(*) > 1) twice)
