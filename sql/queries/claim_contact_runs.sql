-- Locks all live executions of these contacts; a contact of which one is held elsewhere is told apart by live_of.
-- lateral: the arrays drive, whatever the statistics say; on a queue that was empty when it was last vacuumed the
--          planner otherwise reads the whole table for every batch (13 s instead of 4 ms at 60,000 rows)
-- order:   that of the index, as in claim_ids
-- used by: store/executions.rs claim_of_contacts (the matcher)
-- locks:   runs rows, SKIP LOCKED; the arrays are sorted by (bucket, contact)
-- index:   runs_live_uq (prefix)
select r.bucket, r.id, r.tenant_id, r.workflow_id, r.version, r.contact_id, r.key, r.status, r.priority,
       r.seq, r.enrolled_at, r.due_at, r.state, statement_timestamp() as now, r.place
  from unnest($1::smallint[], $2::int[], $3::uuid[]) x(b, t, c)
 cross join lateral (
   select r.*, r.ctid as place from waypost.runs r
    where (r.bucket, r.tenant_id, r.contact_id) >= (x.b, x.t, x.c)
      and (r.bucket, r.tenant_id, r.contact_id) <= (x.b, x.t, x.c)
    order by r.bucket, r.tenant_id, r.contact_id, r.workflow_id, r.key
      for update skip locked) r
