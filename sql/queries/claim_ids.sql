-- Locks named executions, whatever their due time; those that others hold are left out.
-- order:   that of the index: where the table was all but empty when it was last vacuumed, each index whose first column is
--          the bucket looks as good as the other, and of 600,000 dead rows a lookup walked those of the whole bucket.
--          The bucket bounds it above: what is not there any more is looked for no further, among dead rows
-- used by: store/executions.rs claim_ids (replies, events, wakes, the row-by-row fallback)
-- locks:   runs rows, SKIP LOCKED; the arrays are sorted by (bucket, id)
-- index:   runs_pk
select r.bucket, r.id, r.tenant_id, r.workflow_id, r.version, r.contact_id, r.key, r.status, r.priority,
       r.seq, r.enrolled_at, r.due_at, r.state, statement_timestamp() as now, r.ctid
  from waypost.runs r
 where r.ctid = any (array(
         select l.ctid from unnest($1::smallint[], $2::uuid[]) y(b, i)
          cross join lateral (select t.ctid, t.bucket, t.id from waypost.runs t
                               where (t.bucket, t.id) >= (y.b, y.i) and t.bucket <= y.b order by t.bucket, t.id limit 1) l
         where l.bucket = y.b and l.id = y.i))
   for update skip locked
