-- Tells a row that somebody holds at this moment from one that is stale.
-- used by: store/outbox.rs present
-- locks:   none
-- index:   sends_pk
select o.id
  from unnest($1::smallint[], $2::uuid[], $3::int[]) x(b, i, f)
  join waypost.sends o on o.bucket = x.b and o.id = x.i and o.fence = x.f and o.state in (1, 2)
