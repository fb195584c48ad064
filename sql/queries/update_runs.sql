-- Writes back executions that go on. due_at unchanged keeps the update HOT (a commit for every step).
-- used by: store/commit.rs
-- locks:   runs rows already held, in (bucket, id) order
-- index:   runs_pk
update waypost.runs r
   set status = x.st, seq = x.s, node = x.n, due_at = x.d, state = x.j::jsonb
  from unnest($1::smallint[], $2::uuid[], $3::smallint[], $4::int[], $5::int[], $6::timestamptz[], $7::text[])
       x(b, i, st, s, n, d, j)
 where r.bucket = x.b and r.id = x.i
