-- title: an event is logged once, and is not both queued and logged
-- index: none: events are grouped once
select count(*)
  from (select 1 from (select e.bucket, e.id, e.tenant_id from waypost.events e
                       union all select q.bucket, q.id, q.tenant_id from waypost.event_queue q) x
         where $1::int is null or x.tenant_id = $1
         group by x.bucket, x.id having count(*) > 1) y
