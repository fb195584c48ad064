-- title: no execution is live and finished at once
-- index: runs_pk, one probe a finished execution
select count(*)
  from waypost.finished f join waypost.runs r on r.bucket = f.bucket and r.id = f.id
 where $1::int is null or f.tenant_id = $1
