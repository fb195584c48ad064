-- Moves matched events from the queue to the log, with what the matcher made of them.
-- used by: store/events.rs log
-- locks:   event_queue rows (the bucket lock is held)
-- index:   event_queue_pk, events_pk
with gone as (
  delete from waypost.event_queue q
   using (select unnest($1::smallint[]) as b, unnest($2::timestamptz[]) as r, unnest($3::uuid[]) as i,
                 unnest($4::text[]) as d) x
   where q.ctid = any (array(
         select l.ctid from (select unnest($1::smallint[]) as b, unnest($2::timestamptz[]) as r,
                                    unnest($3::uuid[]) as i) y
          cross join lateral (select t.ctid from waypost.event_queue t
                               where t.bucket = y.b and t.recorded_at = y.r and t.id = y.i offset 0) l))
     and q.bucket = x.b and q.recorded_at = x.r and q.id = x.i
  returning q.*, x.d)
insert into waypost.events
       (bucket, recorded_at, id, tenant_id, contact_id, type, occurred_at, matched_at, data, old, new, trigger, cause,
        source, decisions)
select bucket, recorded_at, id, tenant_id, contact_id, type, occurred_at, $5, data, old, new, trigger, cause, source,
       d::jsonb
  from gone
