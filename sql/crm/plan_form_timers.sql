-- Plans form.abandoned for open submissions of contacts that are known: one timer for each trigger that listens to the
-- form, at started_at and the trigger's span. Planned or fired already: nothing new.
-- Called by: the triggers of crm.form_submissions, plan_timers, with scope set. Locks: the timers it writes.
-- Index: trigger_index_pk, timers_occurrence_uq, occurrences_pk.
create or replace function crm.plan_form_timers(p_tenants text[], p_submissions uuid[], p_workflow int default null)
returns int
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  v_count int;
begin
  insert into waypost.timers
    (bucket, id, tenant_id, contact_id, due_at, event_type, workflow_id, trigger_id, subject, occurrence_key, data)
  select x.bucket, waypost.derive_id(waypost.millis(x.due_at), x.bucket, x.tenant, x.occurrence_key), x.tenant_id,
         x.contact_id, x.due_at, 'form.abandoned', x.workflow_id, x.trigger_id, x.subject, x.occurrence_key, x.data
  from (
    select t.id as tenant_id, t.name as tenant, waypost.bucket_of(t.id, s.contact_id) as bucket, s.contact_id,
           i.workflow_id, i.trigger_id, 'form_session:' || s.id as subject,
           i.workflow_id || '/' || i.trigger_id || '/' || s.id as occurrence_key,
           waypost.span_shift(s.started_at, (i.config -> 'after' ->> 'amount')::int, i.config -> 'after' ->> 'unit',
                              waypost.zone_or(c.timezone, t.timezone)) as due_at,
           jsonb_build_object('formId', s.form_id, 'submissionId', s.id, 'sessionId', s.session_id,
                              'startedAt', s.started_at, 'fields', s.fields, 'page', s.page) as data
    from unnest(p_tenants, p_submissions) u(tenant, id)
    join crm.form_submissions s on s.tenant_id = u.tenant and s.id = u.id and s.status = 'started'
    join crm.contacts c on c.tenant_id = s.tenant_id and c.id = s.contact_id
    join waypost.tenants t on t.name = s.tenant_id
    join waypost.trigger_index i
      on i.tenant_id = t.id and i.event_type = 'form.abandoned' and i.discriminator in ('', s.form_id)
     and (i.config -> 'formIds' is null or i.config -> 'formIds' ? s.form_id)
     and i.config -> 'after' is not null and (p_workflow is null or i.workflow_id = p_workflow)) x
  where x.due_at is not null
    and not exists (select from waypost.occurrences o
                    where o.bucket = x.bucket and o.tenant_id = x.tenant_id and o.occurrence_key = x.occurrence_key)
  order by x.bucket, x.occurrence_key
  on conflict on constraint timers_occurrence_uq do update set due_at = excluded.due_at, data = excluded.data;
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
