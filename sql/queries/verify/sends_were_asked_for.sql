-- title: every outbox row belongs to an execution, and its history entry asked for it
-- index: runs_pk, finished_pk, bursts_pk, one probe each a row
select count(*)
  from (select s.bucket, s.execution_id, s.seq, s.tenant_id from waypost.sends s
        union all select d.bucket, d.execution_id, d.seq, d.tenant_id from waypost.deliveries d) o
 where ($1::int is null or o.tenant_id = $1)
   and (not exists (select from waypost.runs r where r.bucket = o.bucket and r.id = o.execution_id
                    union all
                    select from waypost.finished f where f.bucket = o.bucket and f.id = o.execution_id)
        or not exists (
          select from waypost.bursts b
           where b.bucket = o.bucket and b.execution_id = o.execution_id
             and o.seq >= b.seq and o.seq < b.seq + cardinality(b.kinds)
             and b.kinds[o.seq - b.seq + 1] = 5))
