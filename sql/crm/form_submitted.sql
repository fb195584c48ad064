-- form.submitted for submissions that came to that now.
-- Called by: the triggers of crm.form_submissions, with scope *. Locks: none. Index: form_submissions_pk.
-- needs: record_events
create or replace function crm.form_submitted(p_tenants text[], p_submissions uuid[]) returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  select crm.record_events(array_agg(s.tenant_id order by u.o), array_agg(s.contact_id order by u.o),
    array_agg('form.submitted'::text order by u.o), null,
    array_agg(jsonb_build_object('formId', s.form_id, 'submissionId', s.id, 'sessionId', s.session_id,
      'fields', s.fields, 'page', s.page) order by u.o), null, null, array_agg(s.submitted_at order by u.o), array_agg(u.o::int order by u.o))
  from unnest(p_tenants, p_submissions) with ordinality u(tenant, id, o)
  join crm.form_submissions s on s.tenant_id = u.tenant and s.id = u.id
  having count(*) > 0
$$;
