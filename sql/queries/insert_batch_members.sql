-- used by: store/operate.rs add_to_batch
-- locks:   the rows it inserts
-- index:   batch_members_pk
insert into waypost.batch_members (bucket, batch_id, execution_id, tenant_id)
select waypost.bucket_in(u.id), $1, u.id, waypost.current_tenant_id() from unnest($2::uuid[]) u(id)
on conflict on constraint batch_members_pk do nothing
