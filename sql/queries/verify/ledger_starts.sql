-- title: the ledger counts no more starts than there were executions
-- index: none: the ledger is read whole, one probe a row
select count(*)
  from waypost.enrollments l
 where ($1::int is null or l.tenant_id = $1) and cardinality(l.starts) > 0
   and cardinality(l.starts) >
       (select count(*) from waypost.runs r where r.bucket = l.bucket and r.tenant_id = l.tenant_id
           and r.contact_id = l.contact_id and r.workflow_id = l.workflow_id)
     + (select count(*) from waypost.finished f where f.bucket = l.bucket and f.tenant_id = l.tenant_id
           and f.contact_id = l.contact_id and f.workflow_id = l.workflow_id)
