-- Writes back executions that go on. due_at unchanged keeps the update HOT (a commit for every step).
-- places:  where the claim found the rows ($7), which nobody else can move: half the work of looking each up. A row that
--          this transaction itself inserted is looked up ($8, $9)
-- any:     the places drive, whatever the statistics say; on a queue that was empty when it was last vacuumed the
--          planner otherwise reads the whole table for every batch (13 s instead of 4 ms at 60,000 rows)
-- order:   that of the index, as in claim_ids
-- used by: store/commit/rows.rs update
-- locks:   runs rows already held
-- index:   none, or runs_pk
update waypost.runs r
   set status = x.st, seq = x.s, node = x.n, due_at = x.d, state = x.j::jsonb
  from (select unnest($1::uuid[]) as i, unnest($2::smallint[]) as st, unnest($3::int[]) as s, unnest($4::int[]) as n,
               unnest($5::timestamptz[]) as d, unnest($6::text[]) as j) x
 where r.ctid = any ($7::tid[] || array(
         select l.ctid from unnest($8::smallint[], $9::uuid[]) y(b, i)
          cross join lateral (select t.ctid, t.bucket, t.id from waypost.runs t
                               where (t.bucket, t.id) >= (y.b, y.i) and t.bucket <= y.b order by t.bucket, t.id limit 1) l
         where l.bucket = y.b and l.id = y.i))
   and r.id = x.i
