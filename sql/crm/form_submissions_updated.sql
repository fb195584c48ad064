-- Changed submissions: form.submitted for what was submitted now, timers for what is open, none for what is not.
-- Called by: the statement trigger. Locks: the timers. Index: timers_subject.
-- needs: form_submitted, plan_form_timers
create or replace function crm.form_submissions_updated() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
  -- Workers switch these off for their own statements; old and new rows are paired by hash.
  set enable_hashjoin = on set enable_sort = on
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
drop trigger if exists form_submissions_updated on crm.form_submissions;
create trigger form_submissions_updated after update on crm.form_submissions
  referencing old table as before new table as after for each statement execute function crm.form_submissions_updated();
