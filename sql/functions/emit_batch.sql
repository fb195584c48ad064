-- Many events in the caller's transaction, in the order given; returns their ids in that order. Where a dedupe key was
-- seen the existing event's id. Absent arrays: no keys, now, no data.
-- Called by: emit, `waypost emit --file`, inbound hooks. Locks: event_keys rows it inserts, by (bucket, contact, key).
-- Index: event_keys_pk.
-- needs: enter, require_tenant, now, bucket_of, home_bucket, assemble_id, derive_id, millis, ring
create or replace function waypost.emit_batch(
  tenant        text,
  types         text[],
  contact_ids   uuid[],
  datas         jsonb[] default null,
  dedupe_keys   text[] default null,
  occurred_ats  timestamptz[] default null,
  wake          boolean default false,
  source        text default 'sql'
) returns setof uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant  int := waypost.require_tenant(emit_batch.tenant);
  v_cause   jsonb := coalesce(nullif(current_setting('waypost.cause', true), ''), '{}')::jsonb;
  v_now     timestamptz := waypost.now(emit_batch.tenant);
  v_at      timestamptz;
  v_buckets smallint[];
  v_ids     uuid[];
  v_fresh   boolean[];
  v_won     jsonb;
  v_scope   text;
begin
  if exists (select from unnest(types) t where t is null or t = '') then
    raise exception using errcode = 'WP002', message = 'an event needs a type',
      hint = 'For example: select waypost.emit(''custom.event'', contact_id, ''{}'').';
  end if;
  v_scope := waypost.enter(v_tenant::text);

  select array_agg(b order by o), array_agg(
           case when k is null
             then waypost.assemble_id(waypost.millis(coalesce(at, v_now)), b, uuid_send(gen_random_uuid()))
             else waypost.derive_id(waypost.millis(coalesce(at, v_now)), b, v_tenant::text, coalesce(c::text, ''), k, 'event')
           end order by o)
    into v_buckets, v_ids
  from (select u.o, u.c, u.k, u.at,
               case when u.c is null then waypost.home_bucket(v_tenant) else waypost.bucket_of(v_tenant, u.c) end as b
        from unnest(types, contact_ids, coalesce(dedupe_keys, '{}'), coalesce(occurred_ats, '{}'))
             with ordinality u(t, c, k, at, o)
        where u.o <= cardinality(types)) x;

  -- The first of a key wins; a concurrent one waits here for the other's commit. Who won is told by the row that was
  -- written, never by the id: two deliveries of one millisecond derive the same.
  if exists (select from unnest(dedupe_keys) k where k is not null) then
    with won as (
      insert into waypost.event_keys (bucket, tenant_id, contact_id, key, event_id)
      select distinct on (u.b, u.c0, u.k) u.b, v_tenant, u.c0, u.k, u.id
      from (select x.b, coalesce(x.c, '00000000-0000-0000-0000-000000000000'::uuid) as c0, x.k, x.id, x.o
            from unnest(v_buckets, contact_ids, dedupe_keys, v_ids) with ordinality x(b, c, k, id, o)
            where x.k is not null) u
      order by u.b, u.c0, u.k, u.o
      on conflict on constraint event_keys_pk do nothing
      returning contact_id, key)
    select coalesce(jsonb_object_agg(w.contact_id::text || ' ' || w.key, true), '{}') into v_won from won w;

    -- What the key stands for now: this event, the one that was there, or an earlier one of this very batch.
    select array_agg(coalesce(e.event_id, x.id) order by x.o),
           array_agg(x.k is null or (x.first and v_won ? (x.c0::text || ' ' || x.k)) order by x.o)
      into v_ids, v_fresh
    from (select y.*, coalesce(y.c, '00000000-0000-0000-0000-000000000000'::uuid) as c0,
                 row_number() over (partition by y.b, y.c, y.k order by y.o) = 1 as first
          from unnest(v_buckets, contact_ids, dedupe_keys, v_ids) with ordinality y(b, c, k, id, o)
          where y.o <= cardinality(v_ids)) x
    left join waypost.event_keys e
      on e.bucket = x.b and e.tenant_id = v_tenant and e.key = x.k and e.contact_id = x.c0;
  end if;

  -- A contact's events one microsecond apart, so that (recorded_at, id) keeps the order given.
  v_at := clock_timestamp();
  insert into waypost.event_queue
    (bucket, recorded_at, id, tenant_id, contact_id, type, occurred_at, data, cause, source)
  select u.b, v_at + (row_number() over (partition by u.c order by u.o) - 1) * interval '1 microsecond', u.id, v_tenant, u.c, u.t, coalesce(u.at, v_now),
         coalesce(u.d, '{}'), case when u.c is null then null else v_cause -> u.c::text end, emit_batch.source
  from unnest(types, contact_ids, v_buckets, v_ids, datas, occurred_ats, v_fresh)
       with ordinality u(t, c, b, id, d, at, fresh, o)
  where u.o <= cardinality(types) and coalesce(u.fresh, true)
  order by u.b, u.o;

  perform waypost.ring(emit_batch.wake, 'match');
  perform waypost.enter(v_scope);
  return query select unnest(v_ids);
end
$$;
