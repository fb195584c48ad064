-- used by: store/operate.rs begin_batch
-- locks:   the row it inserts
-- index:   batches_pk
insert into waypost.batches (bucket, id, tenant_id, verb, at)
select waypost.home_bucket(t.id), waypost.new_id(), t.id, $1, clock_timestamp()
  from waypost.tenants t where t.id = waypost.current_tenant_id()
returning id
