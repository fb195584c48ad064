-- used by: store/sends.rs show
-- locks:   none
-- index:   sends_pk, deliveries_pk
select to_jsonb(o) from waypost.outbox o where o.id = $1 and o.tenant = waypost.current_tenant() limit 1
