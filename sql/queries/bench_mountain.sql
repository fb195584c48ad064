-- An execution of each contact of the tenant that has been due for a minute, under this key.
-- used by: app/bench/cases/fair.rs
-- locks:   the rows it inserts
-- index:   runs_live_uq
insert into waypost.runs (bucket, id, tenant_id, workflow_id, version, contact_id, key, enrolled_at, due_at)
select b.bucket, waypost.assemble_id(waypost.millis(clock_timestamp()), b.bucket, uuid_send(gen_random_uuid())), $1, w.id,
       w.version, c.id, $4, clock_timestamp(), clock_timestamp() - interval '1 minute'
  from waypost.workflows w
  join crm.contacts c on c.tenant_id = $2
 cross join lateral (select waypost.bucket_of($1, c.id) as bucket) b
 where w.tenant_id = $1 and w.slug = $3
