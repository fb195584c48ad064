-- Executions that this transaction enrolled get their rows: begun already, or as they were enrolled.
-- used by: store/commit/rows.rs insert (what the matcher enrolled)
-- locks:   live keys, by (bucket, contact) as in waypost.enroll_batch; one that is taken meanwhile is an error
-- index:   runs_pk, runs_live_uq
insert into waypost.runs (bucket, id, tenant_id, workflow_id, version, contact_id, key, status, priority, seq, node, due_at,
                          enrolled_at, state)
select b, i, t, w, v, c, k, st, p, s, n, d, e, j::jsonb
  from (select unnest($1::smallint[]) as b, unnest($2::uuid[]) as i, unnest($3::int[]) as t,
               unnest($4::int[]) as w, unnest($5::int[]) as v, unnest($6::uuid[]) as c, unnest($7::text[]) as k,
               unnest($8::smallint[]) as st, unnest($9::smallint[]) as p, unnest($10::int[]) as s,
               unnest($11::int[]) as n, unnest($12::timestamptz[]) as d, unnest($13::timestamptz[]) as e,
               unnest($14::text[]) as j) y
 order by b, c, w, k
