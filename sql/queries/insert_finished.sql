-- ... and stand in the cold one, with their last burst. Its int arrays travel as text, as in insert_bursts. What it adds to
-- the figures of their workflows rides along, added up already.
-- used by: store/commit.rs
-- locks:   none
-- index:   finished_pk
with counted as (
  insert into waypost.workflow_changes
         (tenant_id, workflow_id, completed, exited, cancelled, failed, goals, completion_time)
  select * from unnest($20::int[], $21::int[], $22::bigint[], $23::bigint[], $24::bigint[], $25::bigint[], $26::bigint[],
                       $27::interval[]))
insert into waypost.finished
       (bucket, id, tenant_id, workflow_id, version, contact_id, key, status, reason, priority, seq, node,
        enrolled_at, finished_at, state, burst_seq, steps, kinds, results)
select b, i, t, w, v, c, k, st, re, p, s, n, e, f, j::jsonb, bs, bn::int[], bk::smallint[], br::jsonb
  from unnest($1::smallint[], $2::uuid[], $3::int[], $4::int[], $5::int[], $6::uuid[], $7::text[], $8::smallint[],
              $9::text[], $10::smallint[], $11::int[], $12::int[], $13::timestamptz[], $14::timestamptz[], $15::text[],
              $16::int[], $17::text[], $18::text[], $19::text[])
       y(b, i, t, w, v, c, k, st, re, p, s, n, e, f, j, bs, bn, bk, br)
