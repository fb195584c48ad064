-- title: a contact has one live execution for a key of a workflow, unless it allows several
-- index: none: live rows are grouped once
select count(*)
  from (select 1 from waypost.runs r join waypost.workflows w on w.id = r.workflow_id
         where ($1::int is null or r.tenant_id = $1) and not w.allow_multiple
         group by r.tenant_id, r.contact_id, r.workflow_id, r.key having count(*) > 1) x
