-- A reserved start belongs to a live execution that has not begun.
-- used by: app/verify.rs
-- locks:   none
-- index:   runs_live_uq
select count(*)
  from waypost.enrollments e
 where ($1::int is null or e.tenant_id = $1)
   and e.reserved_at is not null
   and not exists (select 1 from waypost.runs r
                    where r.bucket = e.bucket and r.tenant_id = e.tenant_id and r.contact_id = e.contact_id
                      and r.workflow_id = e.workflow_id)
   and not exists (select 1 from waypost.finished f
                    where f.bucket = e.bucket and f.contact_id = e.contact_id and f.workflow_id = e.workflow_id
                      and f.status = 6)
