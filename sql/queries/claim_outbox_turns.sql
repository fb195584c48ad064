-- T2 for the tenants $4 whose turn it is, at most $5 rows of each; else as claim_outbox.
-- used by: store/outbox.rs claim_turns
-- locks:   sends rows, SKIP LOCKED
-- index:   sends_turns; watermark $1
with k as materialized (
  select d.c
    from unnest($4::int[]) t(tenant_id)
   cross join lateral (
    select x.ctid as c
      from waypost.sends x
     where x.tenant_id = t.tenant_id and x.state = 0 and x.due_at <= statement_timestamp() and x.due_at >= $1
     order by x.due_at
     limit $5
       for update skip locked) d
   limit $2)
update waypost.sends o
   set state = 1, fence = o.fence + 1, attempt = o.attempt + 1, claimed_at = statement_timestamp(),
       first_at = coalesce(o.first_at, statement_timestamp()),
       lease_until = statement_timestamp() + $3 * interval '1 millisecond'
 where o.ctid = any (array(select c from k))
returning o.bucket, o.id, o.execution_id, o.seq, o.tenant_id, o.action, o.policy, o.fence, o.attempt, o.due_at,
          o.created_at, o.first_at, o.timeout_ms, o.retry, o.request, o.doubt, statement_timestamp() as now,
          o.claimed_at
