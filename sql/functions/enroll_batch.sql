-- The enrollment rules, set-based: what `eligible` says of each, then live key free, limit, window and delay. One result
-- row for each item, by its ordinal.
-- A refusal leaves a row in blocks; `duplicate` carries the live execution's id.
-- Arguments are arrays of one length; p_key null: the workflow's own rule; p_source: the event or enrolment that the id
-- derives from; p_event: the envelope kept in the state; p_limit...: a trigger's rate limit over the same ledger.
-- p_begin: workflows whose executions the caller begins, and writes, in this very transaction: where no ledger is asked
-- their rows are not made here, and the result carries version, live key and priority. One that ends in its first burst
-- then never stands in runs. Who commits the same live key meanwhile came after it; one that goes on must still insert.
-- Called by: enroll, enroll_many (as owner, in the app's transaction), the matcher (as worker).
-- Locks: ledger rows, then live keys, each by (bucket, contact): no circle with other callers.
-- Index: enrollments_pk, runs_live_uq, suppressed_pk, the contact mapping's own.
-- needs: eligible, enrolled_state, assemble_id, millis, span_shift, zone_or, limit_numbers
-- Its arguments grew.
drop function if exists waypost.enroll_batch(int, int[], uuid[], text[], uuid[], timestamptz[], jsonb[], int[], int[],
                                             timestamptz, int[], int[], text[]);
create or replace function waypost.enroll_batch(
  p_tenant        int,
  p_workflow      int[],
  p_contact       uuid[],
  p_key           text[],
  p_source        uuid[],
  p_at            timestamptz[],
  p_event         jsonb[],
  p_priority      int[],
  p_depth         int[],
  p_now           timestamptz,
  p_limit         int[] default null,
  p_limit_amount  int[] default null,
  p_limit_unit    text[] default null,
  p_begin         int[] default null
) returns table (ord int, execution_id uuid, outcome text, reason text, detail jsonb, version int, key text, priority int)
language plpgsql volatile set search_path = pg_catalog, pg_temp
  -- Index probes only, whatever the statistics of tables not analysed since they grew may say.
  -- One plan for ever: for a call of one contact planning costs more than the rest.
  set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
  set plan_cache_mode = force_generic_plan
  set timezone = 'UTC'                     -- of the times among the numbers
as $$
#variable_conflict use_column
declare
  v_tenant    text;
  v_zone      text;
  v_bucket    smallint[];
  v_version   int[];
  v_priority  int[];
  v_live      text[];                      -- the live key
  v_id        uuid[];
  v_reason    text[];
  v_detail    jsonb[];
  v_pass      int[];                       -- 0: no ledger; else the item's turn among those of its ledger row
  v_turns     int;                         -- the last of these
  v_local     text[];                      -- the contact's zone
  v_new       uuid[] := '{}';
  v_added     uuid[];
  v_unwritten boolean[] := '{}';           -- the caller makes its row
begin
  select t.name, t.timezone into v_tenant, v_zone from waypost.tenants t where t.id = p_tenant;

  -- Ordered below, so that no aggregate sorts for itself.
  select array_agg(x.bucket), array_agg(x.version), array_agg(x.priority), array_agg(x.live), array_agg(x.id),
         array_agg(x.reason), array_agg(x.detail),
         array_agg(case when x.reason is null and x.ledger then x.turn else 0 end::int), array_agg(x.timezone),
         max(case when x.reason is null and x.ledger then x.turn else 0 end::int)
    into v_bucket, v_version, v_priority, v_live, v_id, v_reason, v_detail, v_pass, v_local, v_turns
  from (
    select e.*, i.o, row_number() over (partition by i.c, i.w, e.ledger order by i.o) as turn
    from (select generate_subscripts(p_workflow, 1) as o, unnest(p_workflow) as w, unnest(p_contact) as c,
                 unnest(p_key) as k, unnest(p_source) as s, unnest(p_at) as at, unnest(p_event) as e,
                 unnest(p_priority) as p, unnest(p_limit) as l) i
    cross join lateral waypost.eligible(p_tenant, v_tenant, i.w, i.c, i.k, i.s, i.at, i.e, i.p, i.l is not null, p_now) e
    where i.o <= cardinality(p_workflow)
    order by i.o
    offset 0) x;

  if v_turns > 0 then
    -- The ledger rows, in order; whoever holds one decides alone until the commit.
    insert into waypost.enrollments (bucket, tenant_id, contact_id, workflow_id)
    select distinct u.b, p_tenant, u.c, u.w
    from unnest(v_bucket, p_contact, p_workflow, v_pass) u(b, c, w, pass)
    where u.pass > 0
    order by 1, 3, 4
    on conflict on constraint enrollments_pk do nothing;
    perform 1
    from waypost.enrollments e
    join (select distinct u.b, u.c, u.w from unnest(v_bucket, p_contact, p_workflow, v_pass) u(b, c, w, pass)
          where u.pass > 0) x
      on e.bucket = x.b and e.tenant_id = p_tenant and e.contact_id = x.c and e.workflow_id = x.w
    order by e.bucket, e.contact_id, e.workflow_id
    for update of e;
  end if;

  for v_turn in 0 .. coalesce(v_turns, 0) loop
    if v_turn > 0 then
      -- A start that has not begun yet counts like one in the ledger. A live key goes first: that is a duplicate.
      select array_agg(coalesce(y.verdict ->> 'reason', y.reason) order by y.o),
             array_agg(coalesce(y.verdict -> 'detail', y.detail) order by y.o)
        into v_reason, v_detail
      from (
        select u.o, u.reason, u.detail, case
            when u.pass is distinct from v_turn or u.reason is not null or r.held then null
            when w.limit_count is not null and r.in_window >= w.limit_count then
              jsonb_build_object('reason', 'enrollment_limit', 'detail', waypost.limit_numbers(
                w.limit_count, r.in_window, w.limit_amount, w.limit_unit, r.starts, r.zone))
            when w.reenroll_amount is not null and r.ready_at > p_now then
              jsonb_build_object('reason', 're_enrollment_delay', 'detail', jsonb_build_object(
                'lastStart', r.last_start, 'nextAt', r.ready_at,
                'delay', jsonb_build_object('amount', w.reenroll_amount, 'unit', w.reenroll_unit)))
            when u.l is not null and r.in_rate >= u.l then
              jsonb_build_object('reason', 'rate_limited', 'detail', waypost.limit_numbers(
                u.l, r.in_rate, u.la, u.lu, r.starts, r.zone))
          end as verdict
        from unnest(v_bucket, p_contact, p_workflow, v_live, v_pass, v_reason, v_detail, v_local,
                    coalesce(p_limit, '{}'), coalesce(p_limit_amount, '{}'), coalesce(p_limit_unit, '{}'))
             with ordinality u(b, c, w, live, pass, reason, detail, zone, l, la, lu, o)
        left join waypost.workflows w on w.id = u.w and w.tenant_id = p_tenant
        left join lateral (
          select bool_or(s.held) as held,
                 count(s.at) filter (where w.limit_amount is null
                   or s.at > waypost.span_shift(p_now, -w.limit_amount, w.limit_unit, z.name)) as in_window,
                 count(s.at) filter (where u.la is null
                   or s.at > waypost.span_shift(p_now, -u.la, u.lu, z.name)) as in_rate,
                 array_agg(s.at) as starts, min(z.name) as zone, max(s.at) as last_start,
                 waypost.span_shift(max(s.at), w.reenroll_amount, w.reenroll_unit, min(z.name)) as ready_at
          from (select waypost.zone_or(u.zone, v_zone) as name) z,
               lateral (select unnest(e.starts) as at, false as held
                        from waypost.enrollments e
                        where e.bucket = u.b and e.tenant_id = p_tenant and e.contact_id = u.c and e.workflow_id = u.w
                        union all
                        select case when q.state ? 's' then null else q.enrolled_at end, q.key = u.live
                        from waypost.runs q
                        where q.bucket = u.b and q.tenant_id = p_tenant and q.contact_id = u.c and q.workflow_id = u.w) s
        ) r on u.pass = v_turn
        where u.o <= cardinality(p_workflow)) y;
    end if;

    if v_turn = 0 and p_begin is not null then
      -- Theirs are not written: the first of each free live key.
      select array_agg(x.id) filter (where x.unwritten), array_agg(x.unwritten order by x.o) into v_new, v_unwritten
      from (select u.id, u.o, u.free and row_number() over (partition by u.free, u.b, u.c, u.w, u.live order by u.o) = 1
                   as unwritten
            from (select y.*, y.reason is null and y.pass = 0 and y.w = any (p_begin)
                              and not exists (select from waypost.runs r
                                              where r.bucket = y.b and r.tenant_id = p_tenant and r.contact_id = y.c
                                                and r.workflow_id = y.w and r.key = y.live) as free
                  from unnest(v_bucket, v_id, p_workflow, p_contact, v_live, v_reason, v_pass)
                       with ordinality y(b, id, w, c, live, reason, pass, o)
                  offset 0) u) x;
      v_new := coalesce(v_new, '{}');
      -- Mostly all that is asked for begins: then nothing is left to write.
      continue when p_workflow <@ p_begin;
    end if;

    with added as (
      insert into waypost.runs (bucket, id, tenant_id, workflow_id, version, contact_id, key, priority, due_at,
                                enrolled_at, state)
      select u.b, u.id, p_tenant, u.w, u.version, u.c, u.live, u.p, p_now, p_now,
             waypost.enrolled_state(u.e, u.d)
      from unnest(v_bucket, v_id, p_workflow, v_version, p_contact, v_live, v_priority, p_event, p_depth, v_reason, v_pass)
           u(b, id, w, version, c, live, p, e, d, reason, pass)
      where u.reason is null and u.pass = v_turn and (v_turn > 0 or p_begin is null or u.w <> all (p_begin))
      order by u.b, u.c, u.w, u.live
      on conflict do nothing
      returning bucket, contact_id, workflow_id, id),
    reserved as (
      update waypost.enrollments e set reserved_at = p_now
      from added a
      where v_turn > 0
        and e.bucket = a.bucket and e.tenant_id = p_tenant and e.contact_id = a.contact_id and e.workflow_id = a.workflow_id)
    select array_agg(a.id) into v_added from added a;
    v_new := v_new || v_added;
  end loop;

  if cardinality(v_new) < cardinality(p_workflow) then
    -- A statement of its own: it sees what another caller has committed while the insert waited for it.
    select array_agg(case when x.verdict = 'enrolled' then null else coalesce(x.reason, 'duplicate') end order by x.o),
           array_agg(case x.verdict when 'enrolled' then x.id when 'duplicate' then coalesce(x.holder, x.first) end order by x.o)
      into v_reason, v_id
    from (select u.o, u.id, u.reason, r.id as holder,
                 first_value(case when u.added then u.id end)
                   over (partition by u.b, u.c, u.w, u.live order by not u.added, u.o) as first, case
              when u.reason is not null then 'blocked'
              when u.added and row_number() over (partition by u.id order by u.reason nulls first, u.o) = 1 then 'enrolled'
              else 'duplicate'
            end as verdict
          -- Which ids are new by a sort: without a hash a join of the two lists compares each with each.
          from (select y.*, bool_or(y.o is null) over (partition by y.id) as added
                from (select u.* from unnest(v_bucket, p_contact, p_workflow, v_live, v_id, v_reason)
                                 with ordinality u(b, c, w, live, id, reason, o)
                      where u.o <= cardinality(p_workflow)
                      union all
                      select null, null, null, null, n.id, null, null from unnest(v_new) n(id)) y) u
          left join waypost.runs r on u.reason is null and r.bucket = u.b and r.tenant_id = p_tenant
            and r.contact_id = u.c and r.workflow_id = u.w and r.key = u.live
          where u.o is not null) x;

    with refused as (
    insert into waypost.blocks (bucket, id, tenant_id, workflow_id, contact_id, at, reason, detail, source_id)
    select u.b, waypost.assemble_id(waypost.millis(p_now), u.b, uuid_send(gen_random_uuid())), p_tenant, u.w, u.c, p_now,
           u.reason, u.detail, u.s
    from unnest(v_bucket, p_workflow, p_contact, v_reason, v_detail, p_source) u(b, w, c, reason, detail, s)
    where u.reason is not null and u.reason <> 'unknown_workflow' and u.c is not null
    returning workflow_id, reason)
    insert into waypost.workflow_changes (tenant_id, workflow_id, blocked)
    select p_tenant, r.workflow_id, count(*) from refused r where r.reason <> 'duplicate' group by r.workflow_id;
  end if;

  return query
  select u.o::int, u.id, case when u.reason is null then 'enrolled' when u.reason = 'duplicate' then 'duplicate'
                              else 'blocked' end,
         u.reason, u.detail, case when u.unwritten then u.version end, case when u.unwritten then u.live end,
         case when u.unwritten then u.priority end
  from unnest(v_id, v_reason, v_detail, v_version, v_live, v_priority, v_unwritten)
       with ordinality u(id, reason, detail, version, live, priority, unwritten, o)
  order by u.o;
end
$$;
