-- Buckets that have events, by a loose index scan from $1 on: one probe when there is nothing.
-- used by: store/events.rs claim_buckets
-- locks:   none
-- index:   event_queue_pk
with recursive found as (
  (select q.bucket from waypost.event_queue q where q.bucket >= $1 order by q.bucket limit 1)
  union all
  select (select q.bucket from waypost.event_queue q where q.bucket > f.bucket order by q.bucket limit 1)
    from found f where f.bucket is not null)
select bucket from found where bucket is not null limit $2
