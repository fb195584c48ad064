-- History: one row a burst. The int arrays travel as text, since unnest would flatten a two-dimensional array. The goals
-- achieved are added to the figures of their workflows.
-- used by: store/commit.rs
-- locks:   none
-- index:   bursts_pk
with counted as (
  insert into waypost.workflow_changes (tenant_id, workflow_id, goals)
  select * from unnest($10::int[], $11::int[], $12::bigint[]))
insert into waypost.bursts (bucket, execution_id, seq, tenant_id, workflow_id, at, steps, kinds, results)
select unnest($1::smallint[]), unnest($2::uuid[]), unnest($3::int[]), unnest($4::int[]), unnest($5::int[]),
       unnest($6::timestamptz[]), unnest($7::text[])::int[], unnest($8::text[])::smallint[], unnest($9::text[])::jsonb
