-- The published workflows that listen to these event types, paused ones too, so that their refusal is told; and what their
-- rules say of all that runs, as in workflow_states.
-- used by: store/events.rs listeners
-- locks:   none
-- index:   trigger_index_pk, workflows_pk
select i.tenant_id, i.event_type, w.id, w.version, w.status = 'paused' as paused,
       array(select lower(r) from unnest(w.pauses) r) as pauses_from,
       array(select upper(r) from unnest(w.pauses) r) as pauses_until,
       case when w.needs_ledger then greatest(w.keep_starts, w.limit_count, 1) else 0 end as keep
  from (select distinct i.tenant_id, i.event_type, i.workflow_id, i.version
          from unnest($1::int[], $2::text[]) x(t, e)
          join waypost.trigger_index i on i.tenant_id = x.t and i.event_type = x.e) i
  join waypost.workflows w on w.id = i.workflow_id and w.version = i.version and w.status in ('active', 'paused')
