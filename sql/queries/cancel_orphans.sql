-- Rows that came back to pending though their execution has ended meanwhile: they are not sent any more. A row of which
-- an earlier try may have been done ends as unknown (5), the others as cancelled (7).
-- lateral: the arrays drive, whatever the statistics say
-- used by: store/outbox.rs retry
-- locks:   sends rows already held
-- index:   sends_pk, runs_pk
with gone as (
  delete from waypost.sends o
   where o.ctid = any (array(
         select l.ctid from unnest($1::smallint[], $2::uuid[]) y(b, i)
          cross join lateral (
            select t.ctid from waypost.sends t
             where t.bucket = y.b and t.id = y.i and t.state = 0
               and not exists (select from waypost.runs r where r.bucket = t.bucket and r.id = t.execution_id)
            offset 0) l))
  returning o.*)
insert into waypost.deliveries
       (bucket, id, execution_id, seq, tenant_id, workflow_id, version, contact_id, step, action, policy, state, fence,
        attempt, created_at, first_at, claimed_at, finished_at, request, response, error)
select bucket, id, execution_id, seq, tenant_id, workflow_id, version, contact_id, step, action, policy,
       case when doubt then 5 else 7 end, fence, attempt, created_at, first_at, claimed_at, due_at, request, null,
       'execution_ended'
  from gone
