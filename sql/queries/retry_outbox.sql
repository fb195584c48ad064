-- A try that did not end the row: back to pending, due later; the try is kept in the log.
-- lateral: the arrays drive, whatever the statistics say; on a queue that was empty when it was last vacuumed the
--          planner otherwise reads the whole table for every batch (13 s instead of 4 ms at 60,000 rows)
-- used by: store/outbox.rs retry
-- locks:   sends rows already held
-- index:   sends_pk
with back as (
  update waypost.sends o
     set state = 0, due_at = x.d, lease_until = null, error = x.e, attempt = o.attempt - x.g,
         doubt = o.doubt or x.u
    from unnest($1::smallint[], $2::uuid[], $3::int[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::smallint[],
                $9::boolean[])
         x(b, i, f, d, v, e, r, g, u)
   where o.ctid = any (array(
         select l.ctid from unnest($1::smallint[], $2::uuid[]) y(b, i)
          cross join lateral (select t.ctid from waypost.sends t where t.bucket = y.b and t.id = y.i offset 0) l))
     and o.bucket = x.b and o.id = x.i and o.fence = x.f
  returning o.bucket, o.id, o.tenant_id, o.fence, o.claimed_at, x.v, x.e, x.r)
insert into waypost.attempt_log (bucket, outbox_id, tenant_id, fence, claimed_at, at, verdict, error, response)
select bucket, id, tenant_id, fence, claimed_at, clock_timestamp(), v, e, r::jsonb from back
