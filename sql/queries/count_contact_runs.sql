-- How many live executions these contacts have, held elsewhere or not.
-- used by: store/executions.rs claim_of_contacts
-- locks:   none
-- index:   runs_live_uq (prefix)
select r.contact_id, r.tenant_id, count(*) as live
  from unnest($1::smallint[], $2::int[], $3::uuid[]) x(b, t, c)
  join waypost.runs r on r.bucket = x.b and r.tenant_id = x.t and r.contact_id = x.c
 group by r.contact_id, r.tenant_id
