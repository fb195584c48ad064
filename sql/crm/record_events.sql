-- Writes the events of CRM rows in the writer's transaction, in one insert, where somebody reads them or they are kept.
-- Arrays of one length; `turns` orders the events of one contact within the call. The cause comes from the setting waypost.cause; tenants that nobody knows are left out.
-- Called by: the triggers of schema crm, with scope *. Locks: none. Index: tenants_name_uq.
create or replace function crm.record_events(
  tenants text[], contacts uuid[], types text[], fields text[], datas jsonb[], olds jsonb[], news jsonb[],
  occurred timestamptz[], turns int[]
) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp set enable_hashjoin = on set enable_mergejoin = off
as $$
declare
  v_cause  jsonb := coalesce(nullif(current_setting('waypost.cause', true), ''), '{}')::jsonb;
  v_at     timestamptz := clock_timestamp();
begin
  -- Whether somebody reads it is asked once for each kind, not for each row. No sort, no window: this runs inside COPY.
  insert into waypost.event_queue
    (bucket, recorded_at, id, tenant_id, contact_id, type, occurred_at, data, old, new, cause, source)
  select u.b, v_at + u.turn * interval '1 microsecond', waypost.assemble_id(waypost.millis(u.at), u.b, u.random),
         u.tenant_id, u.c, u.type, u.at, u.d, u.old, u.new, v_cause -> u.c::text, 'crm'
  from (select x.*, k.tenant_id, coalesce(x.at0, k.now) as at, uuid_send(gen_random_uuid()) as random,
               case when x.c is null then waypost.home_bucket(k.tenant_id) else waypost.bucket_of(k.tenant_id, x.c) end as b
        from unnest(tenants, contacts, types, fields, datas, olds, news, occurred, turns)
             x(t, c, type, field, d, old, new, at0, turn)
        join (select distinct i.t, i.type, i.field, t.id as tenant_id, waypost.now(t.name) as now
              from (select distinct d.t, d.type, d.field from unnest(tenants, types, fields) d(t, type, field)) i
              join waypost.tenants t on t.name = i.t
              where waypost.reads_event(t.id, i.type, coalesce(i.field, ''))) k
          on k.t = x.t and k.type = x.type and k.field is not distinct from x.field) u;
  if found then
    perform waypost.ring(false, 'match');
  end if;
end
$$;
