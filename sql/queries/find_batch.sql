-- used by: store/operate.rs find_batch
-- locks:   the batch's row, until the end of the transaction
-- index:   batches_pk
select b.verb, b.undone_at is not null from waypost.batches b
 where b.tenant_id = waypost.current_tenant_id() and b.bucket = waypost.home_bucket(b.tenant_id) and b.id = $1
   for update
