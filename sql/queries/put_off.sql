-- Executions that were enrolled a moment ago begin later.
-- used by: store/enroll.rs put_off
-- locks:   the rows that this transaction made
-- index:   runs_pk
update waypost.runs r
   set due_at = y.due
  from unnest($1::smallint[], $2::uuid[], $3::timestamptz[]) y(b, i, due)
 where r.bucket = y.b and r.id = y.i
