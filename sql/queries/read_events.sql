-- The oldest events of the locked buckets, at most $2 a bucket and $5 in all, bucket by bucket (the caller sorts).
-- $4 null: all tenants but those of $3; else that one.
-- followed: its contact has executions; by a limit, since an `exists` was planned as a walk over all of them
-- order:   that of the index, as in claim_ids
-- used by: store/events.rs read
-- locks:   none (the bucket lock serves)
-- index:   event_queue_pk, runs_live_uq (prefix)
select q.bucket, q.recorded_at, q.id, q.tenant_id, q.contact_id, q.type, q.occurred_at, q.data, q.old, q.new,
       q.trigger, q.cause, q.source, statement_timestamp() as now,
       f.contact_id is not null as followed
  from unnest($1::smallint[]) x(b)
 cross join lateral (
   select * from waypost.event_queue e
    where e.bucket = x.b and case when $4::int is null then e.tenant_id <> all ($3::int[]) else e.tenant_id = $4 end
    order by e.recorded_at, e.id limit $2) q
  left join lateral (
   select r.bucket, r.tenant_id, r.contact_id from waypost.runs r
    where (r.bucket, r.tenant_id, r.contact_id) >= (q.bucket, q.tenant_id, q.contact_id) and r.bucket <= q.bucket
    order by r.bucket, r.tenant_id, r.contact_id, r.workflow_id, r.key limit 1) f
    on (f.bucket, f.tenant_id, f.contact_id) = (q.bucket, q.tenant_id, q.contact_id)
 limit $5
