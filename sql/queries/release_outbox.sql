-- Gives claimed rows back before any byte left (drain, lease too short): the attempt is given back too.
-- used by: store/outbox.rs release
-- locks:   sends rows
-- index:   sends_pk
update waypost.sends o
   set state = 0, attempt = o.attempt - 1, fence = o.fence + 1, lease_until = null, claimed_at = null
  from unnest($1::smallint[], $2::uuid[], $3::int[]) x(b, i, f)
 where o.bucket = x.b and o.id = x.i and o.fence = x.f and o.state in (1, 2)
