-- The log of a tenant's events as a backtest reads it: in business order, and at one instant in the order of the log.
-- used by: store/backtest.rs events
-- locks:   none
-- index:   none: the log is read whole; partitions before the window are left out by their recorded_at
select x.id, x.type, x.contact_id, x.occurred_at, x.data, x.old, x.new, coalesce(x.cause -> 'workflow' = to_jsonb($2::int), false) as own
  from (select q.id, q.tenant_id, q.type, q.contact_id, q.occurred_at, q.recorded_at, q.data, q.old, q.new, q.trigger, q.cause
          from waypost.event_queue q
         union all
        select e.id, e.tenant_id, e.type, e.contact_id, e.occurred_at, e.recorded_at, e.data, e.old, e.new, e.trigger, e.cause
          from waypost.events e) x
 where x.tenant_id = $1 and x.contact_id is not null and x.occurred_at >= $3
   and (x.occurred_at < $4 or x.type = any ($5))
   and coalesce(x.trigger -> 'workflow' = to_jsonb($2::int), true)
 order by x.occurred_at, x.recorded_at, x.id
 limit $6
