-- Executions that have ended leave the hot table, as far as they stood in it, and stand in the cold one, with their last
-- burst; one round trip. All of them or none: where one is not at its place, no row is written. Its int arrays travel as text, as in insert_bursts. What it adds to the figures of
-- their workflows rides along, added up already.
-- unnest:  one a column; one of several arrays keeps a copy of each, which costs a tenth of the statement
-- places:  as in update_runs ($28; $29, $30)
-- order:   that of the index, as in claim_ids
-- used by: store/commit/rows.rs finish
-- locks:   runs rows already held
-- index:   runs_pk, finished_pk
with gone as (
  delete from waypost.runs r
   where r.ctid = any ($28::tid[] || array(
           select l.ctid from unnest($29::smallint[], $30::uuid[]) y(b, i)
            cross join lateral (select t.ctid, t.bucket, t.id from waypost.runs t
                                 where (t.bucket, t.id) >= (y.b, y.i) and t.bucket <= y.b order by t.bucket, t.id limit 1) l
           where l.bucket = y.b and l.id = y.i))
  returning 1),
counted as (
  insert into waypost.workflow_changes
         (tenant_id, workflow_id, completed, exited, cancelled, failed, goals, completion_time)
  select * from unnest($20::int[], $21::int[], $22::bigint[], $23::bigint[], $24::bigint[], $25::bigint[], $26::bigint[],
                       $27::interval[]))
insert into waypost.finished
       (bucket, id, tenant_id, workflow_id, version, contact_id, key, status, reason, priority, seq, node,
        enrolled_at, finished_at, state, burst_seq, steps, kinds, results)
select unnest($1::smallint[]), unnest($2::uuid[]), unnest($3::int[]), unnest($4::int[]), unnest($5::int[]),
       unnest($6::uuid[]), unnest($7::text[]), unnest($8::smallint[]), unnest($9::text[]), unnest($10::smallint[]),
       unnest($11::int[]), unnest($12::int[]), unnest($13::timestamptz[]), unnest($14::timestamptz[]),
       unnest($15::text[])::jsonb, unnest($16::int[]), unnest($17::text[])::int[], unnest($18::text[])::smallint[],
       unnest($19::text[])::jsonb
 where (select count(*) from gone) = cardinality($28::tid[]) + cardinality($30::uuid[])
