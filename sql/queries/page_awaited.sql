-- The sweep: executions whose end is waited for, and whether they still live.
-- lateral, by a limit: as an `exists` it may be planned as a walk over all executions
-- used by: store/others.rs awaited
-- locks:   none
-- index:   awaited_pk, runs_pk
select a.bucket, a.child_id, l.one is not null as live
  from waypost.awaited a
  left join lateral (
   select 1 as one from waypost.runs r where r.bucket = a.bucket and r.id = a.child_id limit 1) l on true
 where (a.bucket, a.child_id) > ($1::smallint, $2::uuid)
   and case when $4::int is null then a.tenant_id <> all ($5::int[]) else a.tenant_id = $4 end
 order by a.bucket, a.child_id
 limit $3
