-- T2: claims rows to send while others are on their way: of the first due ones those whose provider has room; ONE
-- autocommit statement, durable before any byte leaves (I-2). The provider is the host of the address, else the kind of action, as
-- in worker/room.rs. What has no room is left for others, and its lease does not run while it waits.
-- used by: store/outbox.rs claim
-- <= 0:    that is 0; with `=` the index of pending rows would serve for it, and is walked whole by a plan that was made
--          on an empty table
-- locks:   sends rows, SKIP LOCKED
-- index:   sends_due; watermark $1
with head as materialized (
  select x.ctid as c, x.due_at,
         coalesce(nullif(lower(substring(x.request ->> 'url'
                    from '^[A-Za-z]+://(?:[^/?#]*@)?(\[[^]/?#]*\]|[^][/?#:@]*)')), ''), x.action) as provider
    from waypost.sends x
   where x.state = 0 and x.due_at <= statement_timestamp() and x.due_at >= $1 and x.tenant_id <> all ($4::int[])
   order by x.due_at
   limit $2),
ranked as materialized (
  select h.c, coalesce(r.room, $7) as room, row_number() over (partition by h.provider order by h.due_at) as place
    from head h left join unnest($5::text[], $6::int[]) r(provider, room) on r.provider = h.provider),
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
