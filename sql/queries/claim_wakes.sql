-- Inputs that came while their execution was locked, and operators' commands.
-- used by: store/executions.rs claim_wakes
-- locks:   wakes rows, SKIP LOCKED (deleted by delete_wakes once the execution was got too)
-- index:   wakes_pk; the table is empty but for moments
select w.bucket, w.execution_id, w.kind, w.seq, w.input
  from waypost.wakes w
 where case when $2::int is null then w.tenant_id <> all ($3::int[]) else w.tenant_id = $2 end
 order by w.bucket, w.execution_id, w.kind, w.seq
 limit $1
   for update skip locked
