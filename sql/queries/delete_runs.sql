-- Finished executions leave the hot table.
-- used by: store/commit.rs
-- locks:   runs rows already held
-- index:   runs_pk
delete from waypost.runs r
 using unnest($1::smallint[], $2::uuid[]) x(b, i)
 where r.bucket = x.b and r.id = x.i
