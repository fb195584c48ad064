-- Locks all live executions of these contacts; a contact of which one is held elsewhere is told apart by
-- count_contact_runs.
-- lateral: the arrays drive, whatever the statistics say; on a queue that was empty when it was last vacuumed the
--          planner otherwise reads the whole table for every batch (13 s instead of 4 ms at 60,000 rows)
-- order:   that of the index, as in claim_ids
-- by one:  from each execution to the next. A range that is bounded by a row above is read to the end of its bucket: up to
--          PostgreSQL 17 only the first column stops it (1.3 ms for a contact beside 5 M waiting executions)
-- used by: store/executions.rs claim_of_contacts (the matcher)
-- locks:   runs rows, SKIP LOCKED
-- index:   runs_live_uq (prefix)
with recursive l as (
  select n.* from unnest($1::smallint[], $2::int[], $3::uuid[]) x(b, t, c)
   cross join lateral (
     select r.ctid as place, r.bucket, r.tenant_id, r.contact_id, r.workflow_id, r.key from waypost.runs r
      where (r.bucket, r.tenant_id, r.contact_id) >= (x.b, x.t, x.c) and r.bucket <= x.b
      order by r.bucket, r.tenant_id, r.contact_id, r.workflow_id, r.key limit 1) n
   where (n.bucket, n.tenant_id, n.contact_id) = (x.b, x.t, x.c)
  union all
  select n.* from l
   cross join lateral (
     select r.ctid as place, r.bucket, r.tenant_id, r.contact_id, r.workflow_id, r.key from waypost.runs r
      where (r.bucket, r.tenant_id, r.contact_id, r.workflow_id, r.key)
          > (l.bucket, l.tenant_id, l.contact_id, l.workflow_id, l.key) and r.bucket <= l.bucket
      order by r.bucket, r.tenant_id, r.contact_id, r.workflow_id, r.key limit 1) n
   where (n.bucket, n.tenant_id, n.contact_id) = (l.bucket, l.tenant_id, l.contact_id))
select r.bucket, r.id, r.tenant_id, r.workflow_id, r.version, r.contact_id, r.key, r.status, r.priority,
       r.seq, r.enrolled_at, r.due_at, r.state, statement_timestamp() as now, r.place
  from (select r.*, r.ctid as place from waypost.runs r where r.ctid = any (array(select l.place from l))
           for update skip locked) r
 order by r.bucket, r.contact_id, r.tenant_id, r.workflow_id, r.key
