-- Executions that this transaction enrolled get their rows: begun already, or as they were enrolled.
-- used by: store/commit/rows.rs insert (what the matcher enrolled)
-- locks:   live keys, by (bucket, contact) as in waypost.enroll_batch; one that is taken meanwhile is an error
-- index:   runs_pk, runs_live_uq
insert into waypost.runs (bucket, id, tenant_id, workflow_id, version, contact_id, key, status, priority, seq, node, due_at,
                          enrolled_at, state)
select b, i, t, w, v, c, k, st, p, s, n, d, e, j::jsonb
  from unnest($1::smallint[], $2::uuid[], $3::int[], $4::int[], $5::int[], $6::uuid[], $7::text[], $8::smallint[],
              $9::smallint[], $10::int[], $11::int[], $12::timestamptz[], $13::timestamptz[], $14::text[])
       y(b, i, t, w, v, c, k, st, p, s, n, d, e, j)
 order by b, c, w, k
