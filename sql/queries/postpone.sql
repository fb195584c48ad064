-- Leaves executions for later: their contact's rows are held by somebody else.
-- used by: store/executions.rs postpone
-- locks:   runs rows already held
-- index:   runs_pk
update waypost.runs r set due_at = x.d
  from unnest($1::smallint[], $2::uuid[], $3::timestamptz[]) x(b, i, d)
 where r.bucket = x.b and r.id = x.i
