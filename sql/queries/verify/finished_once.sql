-- title: an execution is finished once
-- index: none: finished rows are grouped once
select count(*)
  from (select 1 from waypost.finished f where $1::int is null or f.tenant_id = $1
         group by f.bucket, f.id having count(*) > 1) x
