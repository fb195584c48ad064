-- How many live executions these contacts have, held elsewhere or not.
-- lateral: the arrays drive, whatever the statistics say; on a queue that was empty when it was last vacuumed the
--          planner otherwise reads the whole table for every batch (13 s instead of 4 ms at 60,000 rows)
-- order:   that of the index, as in claim_ids
-- used by: store/executions.rs claim_of_contacts
-- locks:   none
-- index:   runs_live_uq (prefix)
select r.contact_id, r.tenant_id, count(*) as live
  from unnest($1::smallint[], $2::int[], $3::uuid[]) x(b, t, c)
 cross join lateral (
   select r.contact_id, r.tenant_id from waypost.runs r
    where (r.bucket, r.tenant_id, r.contact_id) >= (x.b, x.t, x.c)
      and (r.bucket, r.tenant_id, r.contact_id) <= (x.b, x.t, x.c)
    order by r.bucket, r.tenant_id, r.contact_id, r.workflow_id, r.key offset 0) r
 group by r.contact_id, r.tenant_id
