-- The sends of an execution that has ended: pending ones, and claimed ones under reconcile (1) or hold (2), are
-- cancelled (7), or unknown (5) where an earlier try may have been done. A claimed dedupe or retry row, and one past the barrier, may be on the wire: it finishes and advances nothing.
-- lateral: the arrays drive, whatever the statistics say; on a queue that was empty when it was last vacuumed the
--          planner otherwise reads the whole table for every batch (13 s instead of 4 ms at 60,000 rows)
-- used by: store/commit.rs
-- locks:   sends rows that lock_sends holds already
-- index:   sends_pk
with gone as (
  delete from waypost.sends o
   where o.ctid = any (array(
         select l.ctid from unnest($1::smallint[], $2::uuid[]) y(b, i)
          cross join lateral (select t.ctid from waypost.sends t where t.bucket = y.b and t.id = y.i offset 0) l))
     and (o.state = 0 or (o.state = 1 and o.policy in (1, 2)))
  returning o.*)
insert into waypost.deliveries
       (bucket, id, execution_id, seq, tenant_id, workflow_id, version, contact_id, step, action, policy, state, fence,
        attempt, created_at, first_at, claimed_at, finished_at, request, response, error)
select bucket, id, execution_id, seq, tenant_id, workflow_id, version, contact_id, step, action, policy,
       case when doubt then 5 else 7 end, fence, attempt, created_at, first_at, claimed_at, $3, request, null, 'cancelled'
  from gone
