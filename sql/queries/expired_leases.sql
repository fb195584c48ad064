-- T4: rows whose dispatcher did not come back, with a new fence so that it cannot any more.
-- used by: store/outbox.rs reap
-- locks:   sends rows, SKIP LOCKED
-- index:   sends_lease
with k as materialized (
  select x.ctid as c
    from waypost.sends x
   where x.state in (1, 2) and x.lease_until < clock_timestamp()
     and case when $2::int is null then x.tenant_id <> all ($3::int[]) else x.tenant_id = $2 end
   order by x.lease_until
   limit $1
     for update skip locked)
update waypost.sends o
   set fence = o.fence + 1
 where o.ctid = any (array(select c from k))
returning o.bucket, o.id, o.execution_id, o.seq, o.tenant_id, o.action, o.policy, o.fence, o.attempt, o.due_at,
          o.created_at, o.first_at, o.timeout_ms, o.retry, o.request, o.doubt, statement_timestamp() as now, o.claimed_at,
          o.state as was
