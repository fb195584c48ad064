-- A set of contacts into one workflow, in the caller's transaction; one result row for each, in the order given.
-- Called by: enroll, `waypost enroll --sql`. Locks, index: as enroll_batch. Never raises unless strict.
-- needs: current_tenant, tenant_number, now, enroll_batch, enrolled_event, ring, new_id
create or replace function waypost.enroll_many(
  workflow     text,
  contact_ids  uuid[],
  keys         text[] default null,
  datas        jsonb[] default null,
  priority     int default null,
  strict       boolean default false,
  wake         boolean default false,
  tenant       text default waypost.current_tenant()
) returns table (contact_id uuid, execution_id uuid, outcome text, reason text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan  -- as in enroll_batch
as $$
#variable_conflict use_column
declare
  v_tenant    int := waypost.tenant_number(enroll_many.tenant);
  v_workflow  int;
  v_now       timestamptz;
  v_count     int := coalesce(cardinality(contact_ids), 0);
  v_sources   uuid[];
  v_depths    int[];
  v_cause     jsonb := coalesce(nullif(current_setting('waypost.cause', true), ''), '{}')::jsonb;
  v_outcomes  text[];
  v_reasons   text[];
  v_ids       uuid[];
  v_scope     text;
begin
  if v_count = 0 then
    return;
  end if;
  v_scope := waypost.enter(coalesce(v_tenant::text, 'none'));
  if v_tenant is not null then
    select w.id into v_workflow from waypost.workflows w where w.tenant_id = v_tenant and w.slug = enroll_many.workflow;
  end if;
  if v_workflow is null then
    v_reasons := array_fill(case when v_tenant is null then 'unknown_tenant' else 'unknown_workflow' end, array[v_count]);
    v_outcomes := array_fill('blocked'::text, array[v_count]);
    v_ids := array_fill(null::uuid, array[v_count]);
  else
    v_now := waypost.now(enroll_many.tenant);
    select array_agg(waypost.new_id()), array_agg(coalesce((v_cause -> c::text ->> 'depth')::int + 1, 0) order by o)
      into v_sources, v_depths from unnest(contact_ids) with ordinality u(c, o);
    select array_agg(b.execution_id order by b.ord), array_agg(b.outcome order by b.ord), array_agg(b.reason order by b.ord)
      into v_ids, v_outcomes, v_reasons
    from waypost.enroll_batch(
      v_tenant, array_fill(v_workflow, array[v_count]), contact_ids, keys, v_sources,
      array_fill(v_now, array[v_count]),
      array(select waypost.enrolled_event(v_sources[o], v_now, datas[o]) from generate_series(1, v_count) o),
      array_fill(enroll_many.priority, array[v_count]), v_depths, v_now) b;
  end if;
  if enroll_many.strict and exists (select from unnest(v_outcomes) o where o = 'blocked') then
    raise exception using errcode = 'WP003',
      message = format('not enrolled in "%s": %s', enroll_many.workflow,
        (select r from unnest(v_reasons, v_outcomes) u(r, o) where o = 'blocked' limit 1)),
      hint = 'Without strict => true the reason comes back as a row.';
  end if;
  if 'enrolled' = any(v_outcomes) then
    perform waypost.ring(enroll_many.wake, 'run');
  end if;
  perform waypost.enter(v_scope);
  return query select * from unnest(contact_ids, v_ids, v_outcomes, v_reasons);
end
$$;
