-- title: a finished execution ends with exactly one final entry
-- index: bursts_pk, one probe an execution
select count(*)
  from waypost.finished f
 where ($1::int is null or f.tenant_id = $1)
   and not exists (
     select from waypost.bursts b
      where b.bucket = f.bucket and b.execution_id = f.id and b.seq + cardinality(b.kinds) = f.seq
        and b.kinds[cardinality(b.kinds)] = case f.status when 4 then 8 when 5 then 9 when 6 then 10 else 11 end
        and (select count(*) from unnest(b.kinds) k where k between 8 and 11) = 1)
