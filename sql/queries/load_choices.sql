-- The variants that these contacts got at the sticky splits of these workflows.
-- used by: store/choices.rs; one row for each contact of the batch
-- locks:   none
-- index:   choices_pk
select k.tenant_id, k.contact_id, k.workflow_id, k.step, k.variant
  from unnest($1::smallint[], $2::int[], $3::uuid[]) x(b, t, c)
 cross join lateral (
   select * from waypost.choices k
    where k.bucket = x.b and k.tenant_id = x.t and k.contact_id = x.c and k.workflow_id = any($4::int[])
   offset 0) k
