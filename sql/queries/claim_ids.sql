-- Locks named executions, whatever their due time; those that others hold are left out.
-- lateral: the arrays drive, whatever the statistics say; on a queue that was empty when it was last vacuumed the
--          planner otherwise reads the whole table for every batch (13 s instead of 4 ms at 60,000 rows)
-- used by: store/executions.rs claim_ids (replies, events, wakes, the row-by-row fallback)
-- locks:   runs rows, SKIP LOCKED; the arrays are sorted by (bucket, id)
-- index:   runs_pk
select r.bucket, r.id, r.tenant_id, r.workflow_id, r.version, r.contact_id, r.key, r.status, r.priority,
       r.seq, r.enrolled_at, r.due_at, r.state, statement_timestamp() as now
  from unnest($1::smallint[], $2::uuid[]) x(b, i)
 cross join lateral (
   select * from waypost.runs r where r.bucket = x.b and r.id = x.i for update skip locked) r
