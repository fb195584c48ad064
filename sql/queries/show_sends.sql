-- used by: store/operate.rs show
-- locks:   none
-- index:   sends_execution, deliveries_execution
select coalesce(jsonb_agg(to_jsonb(o) - 'tenant' - 'workflow' - 'execution_id' - 'contact_id' order by o.seq), '[]')
  from waypost.outbox o where o.execution_id = $1 and o.tenant = waypost.current_tenant()
