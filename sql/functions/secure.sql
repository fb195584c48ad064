-- Row security and grants on every table there is, new partitions included; what is in place already is left alone.
-- Workers see every tenant; api, report and app their own; the owner what a definer function has set in waypost.scope
-- (waypost.enter; they set it themselves, so a caller cannot). Without the role waypost_owner nothing is installed: isolation() is false.
-- Called by: migrate, ensure_partitions, install_crm. Locks: ACCESS EXCLUSIVE on tables that have no policies yet.
-- Index: none.
create or replace function waypost.secure() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_table    record;
  v_tenant   text;
  v_owner    text;
  v_pure     text[] := array['bucket_of', 'home_bucket', 'bucket_in', 'assemble_id', 'derive_id', 'outbox_id', 'new_id',
    'millis', 'current_tenant', 'current_tenant_id', 'tenant_number', 'require_tenant', 'isolation', 'now', 'contact_id',
    'zone_or', 'local_instant', 'span_shift', 'entry_name', 'status_name', 'outbox_state_name', 'policy_name',
    'from_millis', 'execution_state', 'proportion_p_value', 'key_at', 'limit_numbers', 'suppression_kind',
    'suppression_value', 'refused_at_start', 'as_date', 'as_instant', 'instant_text', 'contact_json',
    'coerce_custom_fields', 'enrolled_event', 'enrolled_state'];
  v_public   text[] := array['emit', 'emit_batch', 'enroll', 'enroll_many', 'cancel', 'pause', 'resume', 'retry',
    'skip_wait', 'move', 'review', 'settle', 'explain', 'suppress', 'suppress_many', 'unsuppress'];
  v_inside   text[] := array['ring', 'plan_timers', 'lock_contacts', 'write_contacts', 'add_notes', 'reads_event',
    'advance_clock', 'suppression_of'];
  v_worker   text[] := array['enroll_batch', 'eligible', 'cancel_executions', 'wake_parents', 'remove_executions',
    'ensure_partitions', 'drop_partitions', 'drop_partition'];
  v_check    text;
begin
  if (select pg_catalog.pg_get_userbyid(n.nspowner) from pg_catalog.pg_namespace n where n.nspname = 'waypost')
     <> 'waypost_owner' then
    return;
  end if;
  -- The owning login speaks for every tenant; it is in this table so that it shows.
  if pg_catalog.pg_has_role(session_user, 'waypost_owner', 'member') then
    insert into waypost.role_tenants (role_name) values (session_user) on conflict do nothing;
  end if;

  for v_table in
    select c.oid, n.nspname as schema, c.relname as name,
           (select a.attname from pg_catalog.pg_attribute a
            where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped) as tenant_column
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('waypost', 'crm') and c.relkind in ('r', 'p')
      and not exists (select from pg_catalog.pg_policy p where p.polrelid = c.oid)
    order by c.oid
  loop
    v_tenant := case
      when v_table.schema = 'crm' then
        'tenant_id = (select waypost.current_tenant()) and (select waypost.current_tenant_id()) is not null'
      when v_table.name = 'tenants' then 'id = (select waypost.current_tenant_id())'
      when v_table.tenant_column is null then 'true'
      else 'tenant_id = (select waypost.current_tenant_id())' end;
    -- What the API writes itself names what it sees, and row security shows it no other tenant's. Looked at before keys
    -- are, which would tell what is there.
    v_check := v_tenant || case
      when v_table.schema = 'waypost' and v_table.name in ('versions', 'trigger_index', 'interests') then
        ' and exists (select from waypost.workflows w where w.id = workflow_id)'
      when v_table.schema = 'waypost' and v_table.name = 'batch_members' then
        ' and exists (select from waypost.batches b where b.id = batch_id)
          and (exists (select from waypost.runs r where r.bucket = batch_members.bucket and r.id = execution_id)
               or exists (select from waypost.finished f where f.bucket = batch_members.bucket and f.id = execution_id))'
      else '' end;
    -- Tables without a tenant, and the two that say which tenant a login may name, are read before there is a scope.
    v_owner := case
      when v_table.tenant_column is null or v_table.name = 'role_tenants' then 'true'
      else '(select current_setting(''waypost.scope'', true)) in (''*'', tenant_id::text)' end;
    execute format('alter table %I.%I enable row level security', v_table.schema, v_table.name);
    execute format('create policy %I on %I.%I to waypost_worker using (true) with check (true)',
                   v_table.name || '_worker', v_table.schema, v_table.name);
    execute format('create policy %I on %I.%I to waypost_api, waypost_report, waypost_app using (%s) with check (%s)',
                   v_table.name || '_tenant', v_table.schema, v_table.name, v_tenant, v_check);
    if v_table.schema = 'waypost' then
      execute format('alter table %I.%I force row level security', v_table.schema, v_table.name);
      execute format('create policy %I on %I.%I to waypost_owner using (%s) with check (%s)',
                     v_table.name || '_owner', v_table.schema, v_table.name, v_owner, v_owner);
    end if;
  end loop;

  grant usage on schema waypost to waypost_worker, waypost_api, waypost_report, waypost_app;
  grant select, insert, update, delete on all tables in schema waypost to waypost_worker;
  grant usage, select on all sequences in schema waypost to waypost_worker, waypost_api;
  grant select on all tables in schema waypost to waypost_api, waypost_report;
  -- The API writes definitions, whose keys hold the tenant, and its own batches. What executions are made of it changes
  -- through functions, which look at whose it is: no row of one tenant names an execution or a workflow of another's.
  revoke insert, update, delete on all tables in schema waypost from waypost_api;
  grant insert, update, delete on waypost.workflows, waypost.versions, waypost.trigger_index, waypost.interests,
    waypost.recorded_events, waypost.batches, waypost.batch_members to waypost_api;
  -- What says who may do what is nobody's to write.
  revoke insert, update, delete
    on waypost.role_tenants, waypost.migrations, waypost.installed, waypost.crm_sources, waypost.whole_since
    from waypost_worker;
  revoke select on waypost.role_tenants, waypost.crm_sources from waypost_report, waypost_api;

  for v_table in
    select p.oid::regprocedure::text as signature, p.proname as name
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    -- The CRM's too: who may run a trigger's function could hang it on a table of his own, with rows of any tenant.
    where n.nspname in ('waypost', 'crm')
    order by p.oid
  loop
    execute format('revoke execute on function %s from public', v_table.signature);
    if v_table.name = any(v_pure) then
      execute format('grant execute on function %s to public', v_table.signature);
    elsif v_table.name = any(v_public) then
      execute format('grant execute on function %s to waypost_worker, waypost_api, waypost_app', v_table.signature);
    elsif v_table.name = any(v_inside) then
      execute format('grant execute on function %s to waypost_worker, waypost_api', v_table.signature);
    elsif v_table.name = any(v_worker) then
      execute format('grant execute on function %s to waypost_worker', v_table.signature);
    end if;
  end loop;

  if to_regnamespace('crm') is not null then
    grant usage on schema crm to waypost_worker, waypost_api, waypost_report, waypost_app;
    grant select, insert, update, delete on all tables in schema crm to waypost_worker, waypost_api, waypost_app;
    grant select on all tables in schema crm to waypost_report;
  end if;
end
$$;
