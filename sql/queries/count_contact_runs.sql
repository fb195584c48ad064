-- How many live executions these contacts have, held elsewhere or not.
-- lateral: the arrays drive, whatever the statistics say; on a queue that was empty when it was last vacuumed the
--          planner otherwise reads the whole table for every batch (13 s instead of 4 ms at 60,000 rows)
-- order:   that of the index, as in claim_ids
-- by one:  as in claim_contact_runs
-- used by: store/executions.rs claim_of_contacts
-- locks:   none
-- index:   runs_live_uq (prefix)
with recursive l as (
  select n.* from unnest($1::smallint[], $2::int[], $3::uuid[]) x(b, t, c)
   cross join lateral (
     select r.bucket, r.tenant_id, r.contact_id, r.workflow_id, r.key from waypost.runs r
      where (r.bucket, r.tenant_id, r.contact_id) >= (x.b, x.t, x.c) and r.bucket <= x.b
      order by r.bucket, r.tenant_id, r.contact_id, r.workflow_id, r.key limit 1) n
   where (n.bucket, n.tenant_id, n.contact_id) = (x.b, x.t, x.c)
  union all
  select n.* from l
   cross join lateral (
     select r.bucket, r.tenant_id, r.contact_id, r.workflow_id, r.key from waypost.runs r
      where (r.bucket, r.tenant_id, r.contact_id, r.workflow_id, r.key)
          > (l.bucket, l.tenant_id, l.contact_id, l.workflow_id, l.key) and r.bucket <= l.bucket
      order by r.bucket, r.tenant_id, r.contact_id, r.workflow_id, r.key limit 1) n
   where (n.bucket, n.tenant_id, n.contact_id) = (l.bucket, l.tenant_id, l.contact_id))
select l.contact_id, l.tenant_id, count(*) as live from l group by l.contact_id, l.tenant_id
