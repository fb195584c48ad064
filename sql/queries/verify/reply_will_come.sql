-- title: an execution that waits for an answer has the outbox row, or the answer is on its way
-- index: sends_execution, wakes_pk, deliveries_execution
select count(*)
  from waypost.runs r
 where ($1::int is null or r.tenant_id = $1) and r.status = 2
   and not exists (select from waypost.sends s where s.execution_id = r.id)
   and not exists (select from waypost.wakes k where k.bucket = r.bucket and k.execution_id = r.id)
