-- Deleted submissions take their timers along.
-- Called by: the statement trigger. Locks: the timers. Index: timers_subject.
create or replace function crm.form_submissions_deleted() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
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
drop trigger if exists form_submissions_deleted on crm.form_submissions;
create trigger form_submissions_deleted after delete on crm.form_submissions
  referencing old table as removed for each statement execute function crm.form_submissions_deleted();
