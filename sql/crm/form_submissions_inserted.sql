-- New submissions: form.submitted for those that are, timers of form.abandoned for those that are open.
-- Called by: the statement trigger. Locks: the timers. Index: none.
-- needs: form_submitted, plan_form_timers
create or replace function crm.form_submissions_inserted() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
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
drop trigger if exists form_submissions_inserted on crm.form_submissions;
create trigger form_submissions_inserted after insert on crm.form_submissions
  referencing new table as added for each statement execute function crm.form_submissions_inserted();
