-- Executions that a pause holds find out by themselves what they wait for: those that a paused workflow left without a
-- time ($5), and those that would go on as a pause ends ($4).
-- used by: store/rules.rs publish
-- locks:   the executions, by (bucket, id)
-- index:   none: executions of the workflow are read whole, once
update waypost.runs r
   set due_at = $3
  from (select k.ctid from waypost.runs k
         where k.tenant_id = $1 and k.workflow_id = $2 and k.status in (0, 1)
           and ($5 and k.due_at is null or k.due_at = any ($4::timestamptz[]))
         order by k.bucket, k.id
           for update) x
 where r.ctid = x.ctid
