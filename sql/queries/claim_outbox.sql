-- T2: claims rows to send; ONE autocommit statement, durable before any byte leaves (I-2).
-- used by: store/outbox.rs claim
-- locks:   sends rows, SKIP LOCKED
-- index:   sends_due; watermark $1
with k as materialized (
  select x.ctid as c
    from waypost.sends x
   where x.state = 0 and x.due_at <= statement_timestamp() and x.due_at >= $1 and x.tenant_id <> all ($4::int[])
   order by x.due_at
   limit $2
     for update skip locked)
update waypost.sends o
   set state = 1, fence = o.fence + 1, attempt = o.attempt + 1, claimed_at = statement_timestamp(),
       first_at = coalesce(o.first_at, statement_timestamp()),
       lease_until = statement_timestamp() + $3 * interval '1 millisecond'
 where o.ctid = any (array(select c from k))
returning o.bucket, o.id, o.execution_id, o.seq, o.tenant_id, o.action, o.policy, o.fence, o.attempt, o.due_at,
          o.created_at, o.first_at, o.timeout_ms, o.retry, o.request, o.doubt, statement_timestamp() as now,
          o.claimed_at
