-- T3, first statement: which rows of these replies are still ours (fence) and free; the rest is stale, or comes back.
-- lateral: the arrays drive, whatever the statistics say; on a queue that was empty when it was last vacuumed the
--          planner otherwise reads the whole table for every batch (13 s instead of 4 ms at 60,000 rows)
-- used by: store/outbox.rs lock
-- locks:   sends rows, SKIP LOCKED
-- index:   sends_pk
select o.id, clock_timestamp() as now
  from unnest($1::smallint[], $2::uuid[], $3::int[]) x(b, i, f)
 cross join lateral (
   select o.id from waypost.sends o
    where o.bucket = x.b and o.id = x.i and o.fence = x.f and o.state in (1, 2) for update skip locked) o
