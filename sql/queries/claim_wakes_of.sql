-- The inputs of one execution, after a batch of them failed as a whole.
-- used by: store/executions.rs claim_wakes_of
-- locks:   wakes rows, SKIP LOCKED
-- index:   wakes_pk
select w.bucket, w.execution_id, w.kind, w.seq, w.input
  from waypost.wakes w
 where w.bucket = $1 and w.execution_id = $2
 order by w.kind, w.seq
   for update skip locked
