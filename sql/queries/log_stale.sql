-- A late answer: kept as evidence, changes nothing newer; a late ok settles an unknown delivery as sent, never the path (I-4).
-- A claim has one answer: one that was recorded already, by a T3 whose COMMIT was not confirmed, is not noted again.
-- used by: store/outbox.rs stale
-- locks:   the delivery
-- index:   attempt_log_pk, deliveries_pk
with evidence as (
  insert into waypost.attempt_log (bucket, outbox_id, tenant_id, fence, claimed_at, at, verdict, error, response)
  select b, i, t, f, null, clock_timestamp(), case when v = 'ok' then 'stale_ok' else 'stale' end, e, r::jsonb
    from unnest($1::smallint[], $2::uuid[], $3::int[], $4::int[], $5::text[], $6::text[], $7::text[]) y(b, i, t, f, v, e, r)
   where not exists (select 1 from waypost.attempt_log a where a.bucket = y.b and a.outbox_id = y.i and a.fence = y.f)
     and not exists (select 1 from waypost.deliveries d where d.bucket = y.b and d.id = y.i and d.fence = y.f
                        and (d.state <> 5 or d.error is not distinct from y.e))
      on conflict on constraint attempt_log_pk do nothing)
update waypost.deliveries d
   set state = 3, error = null, response = x.r::jsonb, settled_by = 'late_reply',
       settled_at = (select coalesce(t.clock, clock_timestamp()) from waypost.tenants t where t.id = d.tenant_id)
  from unnest($1::smallint[], $2::uuid[], $5::text[], $7::text[]) x(b, i, v, r)
 where d.bucket = x.b and d.id = x.i and d.state = 5 and x.v = 'ok'
