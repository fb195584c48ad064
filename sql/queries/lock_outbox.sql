-- T3, first statement: which rows of these replies are still ours (fence) and free; the rest is stale, or comes back.
-- used by: store/outbox.rs lock
-- locks:   sends rows, SKIP LOCKED
-- index:   sends_pk
select o.id, clock_timestamp() as now
  from unnest($1::smallint[], $2::uuid[], $3::int[]) x(b, i, f)
  join waypost.sends o on o.bucket = x.b and o.id = x.i and o.fence = x.f and o.state in (1, 2)
   for update of o skip locked
