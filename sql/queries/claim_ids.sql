-- Locks named executions, whatever their due time; those that others hold are left out.
-- used by: store/executions.rs claim_ids (replies, events, wakes, the row-by-row fallback)
-- locks:   runs rows, SKIP LOCKED; the arrays are sorted by (bucket, id)
-- index:   runs_pk
select r.bucket, r.id, r.tenant_id, r.workflow_id, r.version, r.contact_id, r.key, r.status, r.priority,
       r.seq, r.enrolled_at, r.due_at, r.state, statement_timestamp() as now
  from unnest($1::smallint[], $2::uuid[]) x(b, i)
  join waypost.runs r on r.bucket = x.b and r.id = x.i
   for update of r skip locked
