-- An execution is live or finished, never both, and finished once.
-- used by: app/verify.rs
-- locks:   none
-- index:   finished_pk
select (select count(*)
          from waypost.runs r
          join waypost.finished f on f.bucket = r.bucket and f.id = r.id
         where $1::int is null or r.tenant_id = $1)
     + (select count(*)
          from (select 1 from waypost.finished f
                 where $1::int is null or f.tenant_id = $1
                 group by f.bucket, f.id having count(*) > 1) twice)
