-- T2 for the tenants $4 whose turn it is, at most $5 rows of each, as far as their providers have room; else as
-- claim_outbox_room. Room goes round: each tenant's first before anybody's second.
-- used by: store/outbox.rs claim_turns
-- <= 0:    that is 0; with `=` the index of pending rows would serve for it, and is walked whole by a plan that was made
--          on an empty table
-- locks:   sends rows, SKIP LOCKED
-- index:   sends_turns; watermark $1
with head as materialized (
  select d.c, d.provider, row_number() over (partition by t.tenant_id) as nth
    from unnest($4::int[]) t(tenant_id)
   cross join lateral (
    select x.ctid as c,
           coalesce(nullif(lower(substring(x.request ->> 'url'
                      from '^[A-Za-z]+://(?:[^/?#]*@)?(\[[^]/?#]*\]|[^][/?#:@]*)')), ''), x.action) as provider
      from waypost.sends x
     where x.tenant_id = t.tenant_id and x.state = 0 and x.due_at <= statement_timestamp() and x.due_at >= $1
     order by x.due_at
     limit $5) d
   limit $2),
ranked as materialized (
  select h.c, coalesce(r.room, $8) as room, row_number() over (partition by h.provider order by h.nth) as place
    from head h left join unnest($6::text[], $7::int[]) r(provider, room) on r.provider = h.provider),
k as materialized (
  select x.ctid as c
    from waypost.sends x
   where x.ctid = any (array(select c from ranked where place <= room)) and x.state <= 0
     for update skip locked)
update waypost.sends o
   set state = 1, fence = o.fence + 1, attempt = o.attempt + 1, claimed_at = statement_timestamp(),
       first_at = coalesce(o.first_at, statement_timestamp()),
       lease_until = statement_timestamp() + $3 * interval '1 millisecond'
 where o.ctid = any (array(select c from k))
returning o.bucket, o.id, o.execution_id, o.seq, o.tenant_id, o.action, o.policy, o.fence, o.attempt, o.due_at,
          o.created_at, o.first_at, o.timeout_ms, o.retry, o.request, o.doubt, statement_timestamp() as now,
          o.claimed_at
