-- The oldest events tenant by tenant, beginning after tenant $2 and at most $3 of each: at most $4 in all, of at most
-- $5 tenants. Read before any lock, so only their places: under the bucket locks they are read again (read_turn).
-- used by: store/events.rs turns
-- locks:   none
-- index:   event_queue_turns, as a loose scan over tenants, then within each
with recursive turn (tenant_id, nth) as (
  (select q.tenant_id, 1 from waypost.event_queue q where q.tenant_id > $2 order by q.tenant_id limit 1)
   union all
  select (select q.tenant_id from waypost.event_queue q
           where q.tenant_id > t.tenant_id order by q.tenant_id limit 1), t.nth + 1
    from turn t
   where t.tenant_id is not null and t.nth < $5)
select t.tenant_id as turn, t.nth = $5 as last, d.bucket, d.recorded_at, d.id
  from turn t
  left join lateral (
   select q.bucket, q.recorded_at, q.id
     from waypost.event_queue q
    where q.tenant_id = t.tenant_id and t.tenant_id <> all ($1::int[])
    order by q.recorded_at, q.id
    limit $3) d on true
 where t.tenant_id is not null
 limit $4
