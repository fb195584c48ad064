-- One contact into one workflow, in the caller's transaction: rolled back with it, never lost once it commits.
-- Outcome `enrolled`, `duplicate` (a live execution holds the key: its id) or `blocked` with the reason.
-- Called by: applications, in SQL. Locks, index: as enroll_batch. Never raises unless strict.
-- Whoever is eligible, is asked for by no ledger and finds his key free is enrolled here: of many clients each has a
-- backend of its own, whose caches are cold, and what a call costs is how much code it runs through. All else is told by
-- enroll_many.
-- plpgsql, since that plans its statements once a session; a function in SQL plans at every call.
-- needs: current_tenant, tenant_number, enter, now, new_id, eligible, enrolled_event, ring, enroll_many
create or replace function waypost.enroll(
  workflow    text,
  contact_id  uuid,
  key         text default null,
  data        jsonb default '{}',
  priority    int default null,
  strict      boolean default false,
  wake        boolean default false,
  tenant      text default waypost.current_tenant(),
  out execution_id  uuid,
  out outcome       text,
  out reason        text
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan  -- as in enroll_batch
as $$
#variable_conflict use_variable
declare
  v_tenant  int := waypost.tenant_number(tenant);
  v_scope   text := waypost.enter(coalesce(v_tenant::text, 'none'));
  v_now     timestamptz := waypost.now(tenant);
  v_source  uuid := waypost.new_id();
  v_cause   jsonb := nullif(current_setting('waypost.cause', true), '')::jsonb;
  v_event   jsonb := waypost.enrolled_event(v_source, v_now, data);
  v_depth   int := coalesce((v_cause -> contact_id::text ->> 'depth')::int + 1, 0);
  v_one     record;
begin
  select w.id as workflow, e.* into v_one
  from waypost.workflows w
  cross join lateral waypost.eligible(v_tenant, tenant, w.id, contact_id, key, v_source, v_now, v_event, priority, false,
                                      v_now) e
  where w.tenant_id = v_tenant and w.slug = workflow;

  if v_one.reason is null and not v_one.ledger then
    insert into waypost.runs (bucket, id, tenant_id, workflow_id, version, contact_id, key, priority, due_at, enrolled_at,
                              state)
    values (v_one.bucket, v_one.id, v_tenant, v_one.workflow, v_one.version, contact_id, v_one.live, v_one.priority, v_now,
            v_now, waypost.enrolled_state(v_event, v_depth))
    on conflict do nothing;
    if found then
      perform waypost.ring(wake, 'run');
      perform waypost.enter(v_scope);
      execution_id := v_one.id;
      outcome := 'enrolled';
      return;
    end if;
  end if;
  perform waypost.enter(v_scope);
  select m.* into v_one
  from waypost.enroll_many(workflow, array[contact_id], array[key], array[data], priority, strict, wake, tenant) m;
  execution_id := v_one.execution_id;
  outcome := v_one.outcome;
  reason := v_one.reason;
end
$$;
