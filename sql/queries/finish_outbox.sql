-- T3: fenced delete, and the delivery; no row deleted means stale or already recorded.
-- lateral: the arrays drive, whatever the statistics say; on a queue that was empty when it was last vacuumed the
--          planner otherwise reads the whole table for every batch (13 s instead of 4 ms at 60,000 rows)
-- used by: store/outbox.rs finish
-- locks:   sends rows already held
-- index:   sends_pk, deliveries_pk
with gone as (
  delete from waypost.sends o
   using (select unnest($1::smallint[]) as b, unnest($2::uuid[]) as i, unnest($3::int[]) as f,
                 unnest($4::smallint[]) as st, unnest($5::text[]) as r, unnest($6::text[]) as e,
                 unnest($7::timestamptz[]) as at) x
   where o.ctid = any (array(
         select l.ctid from unnest($1::smallint[], $2::uuid[]) y(b, i)
          cross join lateral (select t.ctid from waypost.sends t where t.bucket = y.b and t.id = y.i offset 0) l))
     and o.bucket = x.b and o.id = x.i and o.fence = x.f
  returning o.*, x.st, x.r, x.e, x.at)
insert into waypost.deliveries
       (bucket, id, execution_id, seq, tenant_id, workflow_id, version, contact_id, step, action, policy, state, fence,
        attempt, created_at, first_at, claimed_at, finished_at, request, response, error)
select bucket, id, execution_id, seq, tenant_id, workflow_id, version, contact_id, step, action, policy, st, fence,
       attempt, created_at, first_at, claimed_at, at, request, r::jsonb, e
  from gone
returning id, execution_id, seq, tenant_id, contact_id
