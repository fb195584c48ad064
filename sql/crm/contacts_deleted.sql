-- A contact that is deleted takes its live executions and what they had pending with it, in the same transaction.
-- Called by: the statement trigger. Locks: the contacts' executions, then their outbox rows. Index: runs_live_uq.
create or replace function crm.contacts_deleted() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_scope   text := waypost.enter('*');
  v_tenant  text;
begin
  for v_tenant in select distinct r.tenant_id from removed r loop
    perform waypost.cancel_executions(array_agg(x.id), 'contact_deleted', waypost.now(v_tenant))
    from removed r
    join waypost.tenants t on t.name = r.tenant_id
    join waypost.runs x
      on x.bucket = waypost.bucket_of(t.id, r.id) and x.tenant_id = t.id and x.contact_id = r.id
    where r.tenant_id = v_tenant
    having count(*) > 0;
    delete from waypost.timers m using removed r, waypost.tenants t
    where t.name = r.tenant_id and m.bucket = waypost.bucket_of(t.id, r.id) and m.tenant_id = t.id and m.contact_id = r.id
      and r.tenant_id = v_tenant;
  end loop;
  perform waypost.enter(v_scope);
  return null;
end
$$;
drop trigger if exists contacts_deleted on crm.contacts;
create trigger contacts_deleted after delete on crm.contacts
  referencing old table as removed for each statement execute function crm.contacts_deleted();
