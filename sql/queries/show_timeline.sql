-- used by: store/operate.rs show
-- locks:   none
-- index:   bursts_pk
select coalesce(jsonb_agg(to_jsonb(t) - 'execution_id' - 'tenant' - 'workflow' order by t.seq, t.at), '[]')
  from waypost.execution_timeline t where t.execution_id = $1 and t.tenant = waypost.current_tenant()
