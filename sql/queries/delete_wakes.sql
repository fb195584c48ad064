-- used by: store/executions.rs delete_wakes
-- locks:   wakes rows already held
-- index:   wakes_pk
delete from waypost.wakes w
 using unnest($1::smallint[], $2::uuid[], $3::smallint[], $4::int[]) x(b, e, k, s)
 where w.bucket = x.b and w.execution_id = x.e and w.kind = x.k and w.seq = x.s
