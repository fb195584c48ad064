-- The same, of buckets with events from $3 on: one probe a bucket, however many dead events a held snapshot keeps in front
-- of them. What is read of a bucket is read from its first event on all the same: a contact's events stay in order.
-- lateral, by a limit: as an `exists` it may be planned as a walk over all events
-- used by: store/events.rs claim_buckets, near where the last look ended
-- locks:   buckets rows, SKIP LOCKED: one matcher a bucket, to the end of the matching transaction (I-7)
-- index:   event_queue_pk, buckets_pk
select b.bucket
  from waypost.buckets b
 where b.bucket = any (array(
         select x.b from (select (($1::int + g) % 1024)::smallint as b from generate_series(0, 1023) g) x
          cross join lateral (
            select 1 from waypost.event_queue q where q.bucket = x.b and q.recorded_at >= $3 limit 1) q
          limit $2))
 order by b.bucket
   for update skip locked
