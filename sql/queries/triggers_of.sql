-- The published workflows that listen to these event types; a paused one, so that its refusal is told.
-- used by: store/events.rs listeners
-- locks:   none
-- index:   trigger_index_pk
select distinct i.tenant_id, i.event_type, i.workflow_id, i.version
  from unnest($1::int[], $2::text[]) x(t, e)
  join waypost.trigger_index i on i.tenant_id = x.t and i.event_type = x.e
  join waypost.workflows w on w.id = i.workflow_id and w.version = i.version and w.status in ('active', 'paused')
