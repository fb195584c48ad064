-- History: one row a burst. The int arrays travel as text, since unnest would flatten a two-dimensional array. The goals
-- achieved are added to the figures of their workflows.
-- used by: store/commit.rs
-- locks:   none
-- index:   bursts_pk
with counted as (
  insert into waypost.workflow_changes (tenant_id, workflow_id, goals)
  select * from unnest($10::int[], $11::int[], $12::bigint[]))
insert into waypost.bursts (bucket, execution_id, seq, tenant_id, workflow_id, at, steps, kinds, results)
select b, i, s, t, w, a, n::int[], k::smallint[], j::jsonb
  from unnest($1::smallint[], $2::uuid[], $3::int[], $4::int[], $5::int[], $6::timestamptz[], $7::text[], $8::text[],
              $9::text[])
       y(b, i, s, t, w, a, n, k, j)
