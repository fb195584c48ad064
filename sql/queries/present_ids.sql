-- Which of these executions are live at all: tells "locked elsewhere" from "gone".
-- lateral: the arrays drive, whatever the statistics say; on a queue that was empty when it was last vacuumed the
--          planner otherwise reads the whole table for every batch (13 s instead of 4 ms at 60,000 rows)
-- order:   that of the index, as in claim_ids
-- used by: store/executions.rs present
-- locks:   none
-- index:   runs_pk
select r.id
  from unnest($1::smallint[], $2::uuid[]) x(b, i)
 cross join lateral (select r.bucket, r.id from waypost.runs r
                      where (r.bucket, r.id) >= (x.b, x.i) and r.bucket <= x.b order by r.bucket, r.id limit 1) r
 where r.bucket = x.b and r.id = x.i
