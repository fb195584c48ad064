-- Plans the timed triggers of a workflow anew, for rows that are open already; returns how many timers there are.
-- Timers that its published version no longer asks for go.
-- Called by: publishing. Locks: the timers it writes. Index: timers_occurrence_uq, form_submissions_open.
-- needs: plan_form_timers
create or replace function waypost.plan_timers(workflow_id int) returns int
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant  int;
  v_name    text;
  v_scope   text := waypost.enter('*');
  v_count   int;
begin
  select w.tenant_id, t.name into v_tenant, v_name
  from waypost.workflows w join waypost.tenants t on t.id = w.tenant_id
  where w.id = plan_timers.workflow_id and t.id = waypost.tenant_number(t.name);
  if not found then                        -- there is none, or it is somebody else's: the same to whoever asks
    perform waypost.enter(v_scope);
    return 0;
  end if;
  perform waypost.enter(v_tenant::text);
  delete from waypost.timers m where m.workflow_id = plan_timers.workflow_id and m.tenant_id = v_tenant;
  select crm.plan_form_timers(array_agg(s.tenant_id), array_agg(s.id), plan_timers.workflow_id) into v_count
  from crm.form_submissions s where s.tenant_id = v_name and s.status = 'started';
  if v_count > 0 then
    perform waypost.ring(false);
  end if;
  perform waypost.enter(v_scope);
  return coalesce(v_count, 0);
end
$$;
