-- title: every derived id carries its row's bucket, and an outbox id stands for its execution and visit
-- index: none: rows are read whole
select (select count(*)
          from (select r.bucket, r.id, r.tenant_id from waypost.runs r
                union all select f.bucket, f.id, f.tenant_id from waypost.finished f) x
         where ($1::int is null or x.tenant_id = $1) and x.bucket <> waypost.bucket_in(x.id))
     + (select count(*)
          from (select s.bucket, s.id, s.execution_id, s.seq, s.tenant_id from waypost.sends s
                union all select d.bucket, d.id, d.execution_id, d.seq, d.tenant_id from waypost.deliveries d) x
         where ($1::int is null or x.tenant_id = $1)
           and (x.bucket <> waypost.bucket_in(x.id) or x.id <> waypost.outbox_id(x.execution_id, x.seq)))
