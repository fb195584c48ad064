-- form.submitted for what was submitted now; timers of form.abandoned for what is open, none for what is not.
-- Called by: the statement triggers. Locks: timers. Index: timers_subject.
-- needs: record_events, plan_form_timers
create or replace function crm.form_submissions_inserted() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
  v_scope text := waypost.enter('*');
begin
  perform crm.form_submitted(array_agg(r.tenant_id order by r.id), array_agg(r.id order by r.id))
  from added r where r.status = 'submitted' having count(*) > 0;
  perform crm.plan_form_timers(array_agg(r.tenant_id), array_agg(r.id))
  from added r where r.status = 'started' having count(*) > 0;
  perform waypost.enter(v_scope);
  return null;
end
$$;

create or replace function crm.form_submissions_updated() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
  v_scope text := waypost.enter('*');
begin
  -- Whatever changed, the timers are planned from the row as it is now.
  delete from waypost.timers m using before r, waypost.tenants t
  where t.name = r.tenant_id and m.tenant_id = t.id and m.subject = 'form_session:' || r.id;
  perform crm.plan_form_timers(array_agg(r.tenant_id), array_agg(r.id))
  from after r where r.status = 'started' having count(*) > 0;
  perform crm.form_submitted(array_agg(n.tenant_id order by n.id), array_agg(n.id order by n.id))
  from after n join before o on o.tenant_id = n.tenant_id and o.id = n.id
  where n.status = 'submitted' and o.status <> 'submitted' having count(*) > 0;
  perform waypost.enter(v_scope);
  return null;
end
$$;

create or replace function crm.form_submissions_deleted() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
  v_scope text := waypost.enter('*');
begin
  delete from waypost.timers m using removed r, waypost.tenants t
  where t.name = r.tenant_id and m.tenant_id = t.id and m.subject = 'form_session:' || r.id;
  perform waypost.enter(v_scope);
  return null;
end
$$;

create or replace function crm.form_submitted(p_tenants text[], p_submissions uuid[]) returns void
language sql volatile set search_path = ''
as $$
  select crm.record_events(array_agg(s.tenant_id order by u.o), array_agg(s.contact_id order by u.o),
    array_agg('form.submitted'::text order by u.o), null,
    array_agg(jsonb_build_object('formId', s.form_id, 'submissionId', s.id, 'sessionId', s.session_id,
      'fields', s.fields, 'page', s.page) order by u.o), null, null, array_agg(s.submitted_at order by u.o))
  from unnest(p_tenants, p_submissions) with ordinality u(tenant, id, o)
  join crm.form_submissions s on s.tenant_id = u.tenant and s.id = u.id
  having count(*) > 0
$$;

drop trigger if exists form_submissions_inserted on crm.form_submissions;
create trigger form_submissions_inserted after insert on crm.form_submissions
  referencing new table as added for each statement execute function crm.form_submissions_inserted();
drop trigger if exists form_submissions_updated on crm.form_submissions;
create trigger form_submissions_updated after update on crm.form_submissions
  referencing old table as before new table as after for each statement execute function crm.form_submissions_updated();
drop trigger if exists form_submissions_deleted on crm.form_submissions;
create trigger form_submissions_deleted after delete on crm.form_submissions
  referencing old table as removed for each statement execute function crm.form_submissions_deleted();
