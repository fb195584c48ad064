-- T2b: before a hold or reconcile row is sent. A row that does not come back is dropped silently: the lease is gone.
-- used by: store/outbox.rs barrier
-- locks:   sends rows, for a moment
-- index:   sends_pk
update waypost.sends o
   set state = 2
  from unnest($1::smallint[], $2::uuid[], $3::int[]) x(b, i, f)
 where o.bucket = x.b and o.id = x.i and o.fence = x.f and o.state = 1 and o.lease_until > clock_timestamp()
returning o.id
