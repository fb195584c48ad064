-- T2b: before a hold or reconcile row is sent. A row that does not come back is dropped silently: the lease is gone.
-- lateral: the arrays drive, whatever the statistics say; on a queue that was empty when it was last vacuumed the
--          planner otherwise reads the whole table for every batch (13 s instead of 4 ms at 60,000 rows)
-- used by: store/outbox.rs barrier
-- > 0, < 2: that is 1; with `=` an index of claimed rows would serve for it, and is walked whole by a plan that was made
--          on an empty table
-- o.ctid:  by its place, row for row; as one list of places the rows of a batch are compared each with each
-- locks:   sends rows, for a moment
-- index:   sends_pk
update waypost.sends o
   set state = 2
  from unnest($1::smallint[], $2::uuid[], $3::int[]) x(b, i, f)
 cross join lateral (select t.ctid from waypost.sends t where t.bucket = x.b and t.id = x.i offset 0) l
 where o.ctid = l.ctid and o.fence = x.f and o.state < 2 and o.state > 0 and o.lease_until > clock_timestamp()
returning o.id
