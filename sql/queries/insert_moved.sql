-- Remembers how executions stood before they were moved to another version.
-- used by: store/migrate.rs
-- locks:   the rows it inserts
-- index:   moved_runs_pk
insert into waypost.moved_runs
       (bucket, execution_id, batch_id, tenant_id, workflow_id, before_seq, from_version, to_version, status, node,
        due_at, before)
select x.b, x.i, $3, $4, $5, x.s, x.v, $6, x.st, x.n, x.d, x.j::jsonb
  from unnest($1::smallint[], $2::uuid[], $7::int[], $8::int[], $9::smallint[], $10::int[], $11::timestamptz[], $12::text[])
       x(b, i, s, v, st, n, d, j)
