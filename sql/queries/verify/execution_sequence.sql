-- title: an execution's seq is the number of its history entries
-- index: bursts_pk, one probe an execution
select count(*)
  from (select r.bucket, r.id, r.seq, r.tenant_id from waypost.runs r
        union all select f.bucket, f.id, f.seq, f.tenant_id from waypost.finished f) e
 where ($1::int is null or e.tenant_id = $1)
   and e.seq <> coalesce((select sum(cardinality(b.kinds)) from waypost.bursts b
                           where b.bucket = e.bucket and b.execution_id = e.id), 0)
