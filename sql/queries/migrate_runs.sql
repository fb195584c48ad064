-- Moves executions to a version, with all that follows from it.
-- lateral: the arrays drive, whatever the statistics say
-- used by: store/migrate.rs
-- locks:   runs rows already held, in (bucket, id) order
-- index:   runs_pk
update waypost.runs r
   set version = x.v, status = x.st, seq = x.s, node = x.n, due_at = x.d, state = x.j::jsonb
  from unnest($1::smallint[], $2::uuid[], $3::int[], $4::smallint[], $5::int[], $6::int[], $7::timestamptz[], $8::text[])
       x(b, i, v, st, s, n, d, j)
 where r.ctid = any (array(
         select l.ctid from unnest($1::smallint[], $2::uuid[]) y(b, i)
          cross join lateral (select t.ctid from waypost.runs t where t.bucket = y.b and t.id = y.i offset 0) l))
   and r.bucket = x.b and r.id = x.i
