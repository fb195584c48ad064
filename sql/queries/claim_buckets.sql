-- Locks the buckets that have events and nobody else holds, by a loose index scan from $1 on, at most $2; where there
-- are none from $1 on, from the first. One probe or two when there is nothing.
-- used by: store/events.rs claim_buckets
-- locks:   buckets rows, SKIP LOCKED: one matcher a bucket, to the end of the matching transaction (I-7)
-- index:   event_queue_pk, buckets_pk
with recursive found as (
  select coalesce((select q.bucket from waypost.event_queue q where q.bucket >= $1 order by q.bucket limit 1),
                  (select q.bucket from waypost.event_queue q order by q.bucket limit 1)) as bucket
  union all
  select (select q.bucket from waypost.event_queue q where q.bucket > f.bucket order by q.bucket limit 1)
    from found f where f.bucket is not null)
select b.bucket
  from waypost.buckets b
 where b.bucket = any (array(select f.bucket from found f where f.bucket is not null limit $2))
 order by b.bucket
   for update skip locked
