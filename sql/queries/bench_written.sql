-- The rows that enrolments wrote.
-- used by: app/bench/cases/enroll.rs
-- locks:   none
-- index:   none
select r.bucket, r.id, r.contact_id, r.key, r.enrolled_at, r.state from waypost.runs r where r.tenant_id = $1
