-- T1: what must be sent, rendered and frozen, in the advance transaction.
-- After a restore, what was enrolled before may have sent this already, in the time that was lost: it is born in doubt.
-- used by: store/commit.rs
-- locks:   none that others wait for
-- index:   sends_pk, which is unique (execution, seq): a repeat is recognised (I-3); restores_pk, on most databases empty
insert into waypost.sends
       (bucket, id, execution_id, seq, tenant_id, workflow_id, version, contact_id, step, action, policy, due_at,
        created_at, timeout_ms, retry, request, doubt)
select b, i, e, s, t, w, v, c, n, a, p, d, d, o, y.r::jsonb, q::jsonb,
       (select exists (select from waypost.restores))
       and exists (select from waypost.restores r where r.tenant_id = t and r.lifted_at is null and e <= r.last_id)
  from unnest($1::smallint[], $2::uuid[], $3::uuid[], $4::int[], $5::int[], $6::int[], $7::int[], $8::uuid[], $9::int[],
              $10::text[], $11::smallint[], $12::timestamptz[], $13::int[], $14::text[], $15::text[])
       y(b, i, e, s, t, w, v, c, n, a, p, d, o, r, q)
    on conflict on constraint sends_pk do nothing
