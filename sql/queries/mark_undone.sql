-- used by: store/operate.rs mark_undone
-- locks:   the batch's row
-- index:   batches_pk
update waypost.batches b set undone_at = clock_timestamp()
 where b.tenant_id = waypost.current_tenant_id() and b.bucket = waypost.home_bucket(b.tenant_id) and b.id = $1
