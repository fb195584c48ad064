-- An execution of each contact in each workflow of the tenant, those of one contact after those of another.
-- used by: app/bench/cases/memory.rs
-- locks:   the rows it inserts
-- index:   runs_live_uq
insert into waypost.runs (bucket, id, tenant_id, workflow_id, version, contact_id, key, enrolled_at, due_at)
select b.bucket, waypost.assemble_id(waypost.millis(clock_timestamp()), b.bucket, uuid_send(gen_random_uuid())), $1, w.id,
       w.version, c.id, c.id::text, clock_timestamp(), clock_timestamp()
  from crm.contacts c
 cross join lateral (select waypost.bucket_of($1, c.id) as bucket) b
  join waypost.workflows w on w.tenant_id = $1
 where c.tenant_id = $2
 order by c.id, w.id
