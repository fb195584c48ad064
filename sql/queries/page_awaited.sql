-- The sweep: executions whose end is waited for, and whether they still live.
-- used by: store/others.rs awaited
-- locks:   none
-- index:   awaited_pk, runs_pk
select a.bucket, a.child_id,
       exists (select 1 from waypost.runs r where r.bucket = a.bucket and r.id = a.child_id) as live
  from waypost.awaited a
 where (a.bucket, a.child_id) > ($1::smallint, $2::uuid)
   and case when $4::int is null then a.tenant_id <> all ($5::int[]) else a.tenant_id = $4 end
 order by a.bucket, a.child_id
 limit $3
