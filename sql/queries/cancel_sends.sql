-- The sends of an execution that has ended: pending ones, and claimed ones under reconcile (1) or hold (2), are
-- cancelled. A claimed dedupe or retry row, and one past the barrier, may be on the wire: it finishes and advances nothing.
-- used by: store/commit.rs
-- locks:   sends rows, after the executions (the one lock order)
-- index:   sends_pk
with gone as (
  delete from waypost.sends o
   using unnest($1::smallint[], $2::uuid[]) x(b, i)
   where o.bucket = x.b and o.id = x.i and (o.state = 0 or (o.state = 1 and o.policy in (1, 2)))
  returning o.*)
insert into waypost.deliveries
       (bucket, id, execution_id, seq, tenant_id, workflow_id, version, contact_id, step, action, policy, state, fence,
        attempt, created_at, first_at, claimed_at, finished_at, request, response, error)
select bucket, id, execution_id, seq, tenant_id, workflow_id, version, contact_id, step, action, policy, 7, fence,
       attempt, created_at, first_at, claimed_at, $3, request, null, 'cancelled'
  from gone
