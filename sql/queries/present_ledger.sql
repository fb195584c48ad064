-- Which of these ledger rows exist, held by somebody or not.
-- used by: store/commit.rs
-- locks:   none
-- index:   enrollments_pk
select e.bucket, e.tenant_id, e.contact_id, e.workflow_id
  from unnest($1::smallint[], $2::int[], $3::uuid[], $4::int[]) x(b, t, c, w)
 cross join lateral (
   select * from waypost.enrollments e
    where e.bucket = x.b and e.tenant_id = x.t and e.contact_id = x.c and e.workflow_id = x.w offset 0) e
