-- title: every row lies in its contact's bucket
-- index: none: rows are read whole
select count(*)
  from (select r.bucket, r.tenant_id, r.contact_id from waypost.runs r
        union all select f.bucket, f.tenant_id, f.contact_id from waypost.finished f
        union all select s.bucket, s.tenant_id, s.contact_id from waypost.sends s
        union all select d.bucket, d.tenant_id, d.contact_id from waypost.deliveries d
        union all select l.bucket, l.tenant_id, l.contact_id from waypost.enrollments l
        union all select b.bucket, b.tenant_id, b.contact_id from waypost.blocks b
        union all select q.bucket, q.tenant_id, q.contact_id from waypost.event_queue q where q.contact_id is not null
        union all select e.bucket, e.tenant_id, e.contact_id from waypost.events e where e.contact_id is not null) x
 where ($1::int is null or x.tenant_id = $1) and x.bucket <> waypost.bucket_of(x.tenant_id, x.contact_id)
