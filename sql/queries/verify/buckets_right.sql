-- All of one contact lies in one bucket, and an id carries it.
-- used by: app/verify.rs
-- locks:   none
-- index:   none
select (select count(*) from waypost.runs r
         where ($1::int is null or r.tenant_id = $1)
           and (r.bucket <> waypost.bucket_of(r.tenant_id, r.contact_id) or r.bucket <> waypost.bucket_in(r.id)))
     + (select count(*) from waypost.sends s
         where ($1::int is null or s.tenant_id = $1)
           and (s.bucket <> waypost.bucket_of(s.tenant_id, s.contact_id) or s.bucket <> waypost.bucket_in(s.id)
                or s.id <> waypost.outbox_id(s.execution_id, s.seq)))
     + (select count(*) from waypost.finished f
         where ($1::int is null or f.tenant_id = $1)
           and f.bucket <> waypost.bucket_of(f.tenant_id, f.contact_id))
