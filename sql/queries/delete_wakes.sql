-- used by: store/executions.rs delete_wakes
-- locks:   wakes rows already held
-- index:   wakes_pk
delete from waypost.wakes w
 where w.ctid = any (array(
         select l.ctid from unnest($1::smallint[], $2::uuid[], $3::smallint[], $4::int[]) y(b, e, k, s)
          cross join lateral (select t.ctid from waypost.wakes t
                               where t.bucket = y.b and t.execution_id = y.e and t.kind = y.k and t.seq = y.s offset 0) l))
