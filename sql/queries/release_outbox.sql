-- Gives claimed rows back before any byte left (drain, lease too short): the attempt is given back too.
-- lateral: the arrays drive, whatever the statistics say; on a queue that was empty when it was last vacuumed the
--          planner otherwise reads the whole table for every batch (13 s instead of 4 ms at 60,000 rows)
-- used by: store/outbox.rs release
-- > 0:     claimed; with `in (1, 2)` an index of claimed rows would serve for it, and is walked whole by a plan that was
--          made on an empty table
-- locks:   sends rows
-- index:   sends_pk
update waypost.sends o
   set state = 0, attempt = o.attempt - 1, fence = o.fence + 1, lease_until = null, claimed_at = null
  from unnest($1::smallint[], $2::uuid[], $3::int[]) x(b, i, f)
 where o.ctid = any (array(
         select l.ctid from unnest($1::smallint[], $2::uuid[]) y(b, i)
          cross join lateral (select t.ctid from waypost.sends t where t.bucket = y.b and t.id = y.i offset 0) l))
   and o.bucket = x.b and o.id = x.i and o.fence = x.f and o.state > 0
