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
  from (select unnest($1::smallint[]) as b, unnest($2::uuid[]) as i, unnest($3::uuid[]) as e,
               unnest($4::int[]) as s, unnest($5::int[]) as t, unnest($6::int[]) as w, unnest($7::int[]) as v,
               unnest($8::uuid[]) as c, unnest($9::int[]) as n, unnest($10::text[]) as a, unnest($11::smallint[]) as p,
               unnest($12::timestamptz[]) as d, unnest($13::int[]) as o, unnest($14::text[]) as r,
               unnest($15::text[]) as q) y
    on conflict on constraint sends_pk do nothing
