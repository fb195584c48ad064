-- An unknown outcome is settled by an operator: the row and its evidence, never the path.
-- used by: store/sends.rs resolve
-- locks:   the delivery's row
-- index:   deliveries_pk
with settled as (
  update waypost.deliveries d set state = $2::smallint, error = case when $2::smallint = 3 then null else 'resolved_as_failed' end
   where d.bucket = waypost.bucket_in($1) and d.id = $1 and d.state = 5
     and d.tenant_id = waypost.current_tenant_id()
  returning d.bucket, d.id, d.tenant_id, d.fence, d.claimed_at),
logged as (
  insert into waypost.attempt_log (bucket, outbox_id, tenant_id, fence, claimed_at, at, verdict, error)
  select s.bucket, s.id, s.tenant_id, s.fence, s.claimed_at, clock_timestamp(),
         case when $2::smallint = 3 then 'ok' else 'rejected' end, 'resolved_by_operator'
    from settled s
  returning 1)
select count(*) from settled
