-- Nobody is forgotten: who is ready has a time (or a paused workflow), who waits for an answer has an outbox row or the
-- answer itself, who waits for another workflow is in awaited or has word, and who waits for a time has one.
-- used by: app/verify.rs
-- locks:   none
-- index:   sends_execution, wakes_pk
select count(*)
  from waypost.runs r
  join waypost.workflows w on w.id = r.workflow_id
 where ($1::int is null or r.tenant_id = $1)
   and r.status <> 3 and w.status <> 'paused'
   and (  (r.status = 0 and r.due_at is null
           and not exists (select 1 from waypost.wakes k where k.bucket = r.bucket and k.execution_id = r.id))
       or exists (
            select 1 from jsonb_array_elements(r.state -> 'b') b
             where b -> 'p' ->> 'k' = 'o'
               and not exists (select 1 from waypost.sends s
                                where s.execution_id = r.id and s.seq = (b -> 'p' ->> 's')::int)
               and not exists (select 1 from waypost.wakes k
                                where k.bucket = r.bucket and k.execution_id = r.id and k.kind = 0
                                  and k.seq = (b -> 'p' ->> 's')::int))
       or exists (
            select 1 from jsonb_array_elements(r.state -> 'b') b
             where b -> 'p' ->> 'k' = 'w'
               and not exists (select 1 from waypost.awaited a
                                where a.bucket = r.bucket and a.parent_id = r.id and a.seq = (b -> 'p' ->> 's')::int)
               and not exists (select 1 from waypost.wakes k
                                where k.bucket = r.bucket and k.execution_id = r.id and k.kind = 0
                                  and k.seq = (b -> 'p' ->> 's')::int))
       or (r.due_at is null and exists (
            select 1 from jsonb_array_elements(r.state -> 'b') b
             where b -> 'p' ->> 'k' in ('t', 'r') or b -> 'p' ? 'u' or b -> 'p' ? 'm')))
