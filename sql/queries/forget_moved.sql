-- Forgets how executions stood before they were moved, a page after (bucket, id, batch), where nothing of them is left.
-- Answers with the last of the page, and how many went.
-- used by: store/partitions.rs, after days of ended executions were dropped
-- locks:   the rows it deletes
-- index:   moved_runs_pk, runs_pk, finished_pk, bursts_pk
with page as materialized (
  select m.bucket, m.execution_id, m.batch_id
    from waypost.moved_runs m
   where (m.bucket, m.execution_id, m.batch_id) > ($1::smallint, $2::uuid, $3::uuid)
   order by m.bucket, m.execution_id, m.batch_id
   limit $4),
gone as (
  delete from waypost.moved_runs m using page p
   where m.bucket = p.bucket and m.execution_id = p.execution_id and m.batch_id = p.batch_id
     and not exists (select from waypost.runs r where r.bucket = p.bucket and r.id = p.execution_id)
     and not exists (select from waypost.finished f where f.bucket = p.bucket and f.id = p.execution_id)
     and not exists (select from waypost.bursts b where b.bucket = p.bucket and b.execution_id = p.execution_id)
  returning 1)
select p.bucket, p.execution_id, p.batch_id, (select count(*) from page) as looked_at, (select count(*) from gone) as gone
  from page p
 order by p.bucket desc, p.execution_id desc, p.batch_id desc
 limit 1
