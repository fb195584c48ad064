-- Executions of a workflow that is paused no more look at the clock again.
-- used by: store/versions.rs wake_page
-- locks:   runs rows already held, in (bucket, id) order
-- index:   runs_pk
update waypost.runs r set due_at = $3
  from unnest($1::smallint[], $2::uuid[]) x(b, i)
 where r.ctid = any (array(
         select l.ctid from unnest($1::smallint[], $2::uuid[]) y(b, i)
          cross join lateral (select t.ctid from waypost.runs t where t.bucket = y.b and t.id = y.i offset 0) l))
   and r.bucket = x.b and r.id = x.i and r.due_at is null
