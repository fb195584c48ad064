-- title: a live execution that is not paused has a time at which it is looked at, or a wait that something else ends
-- index: none: live rows without a time are read
select count(*)
  from waypost.runs r
 where ($1::int is null or r.tenant_id = $1) and r.due_at is null and r.status in (0, 1, 2)
   and not exists (select from waypost.workflows w where w.id = r.workflow_id and w.status = 'paused')
   and not exists (select from waypost.wakes k where k.bucket = r.bucket and k.execution_id = r.id)
   and not jsonb_path_exists(r.state, '$.b[*].p.k ? (@ == "c" || @ == "e" || @ == "o" || @ == "j")')
