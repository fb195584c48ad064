-- used by: store/sends.rs show
-- locks:   none
-- index:   attempt_log_pk, deliveries_pk, sends_pk
select coalesce(jsonb_agg(to_jsonb(a) - 'tenant' - 'outbox_id' order by a.fence, a.at), '[]')
  from waypost.outbox_attempts a where a.outbox_id = $1 and a.tenant = waypost.current_tenant()
