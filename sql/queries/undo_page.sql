-- A page of the executions that a batch moved and that have made no step since, locked, after (bucket, id). Being held
-- and let go (12, 13) is no step.
-- used by: store/migrate.rs put_back_page
-- locks:   runs rows, in (bucket, id) order; waits for those that are claimed, as long as lock_timeout lets it
-- index:   moved_runs_batch, runs_pk, bursts_pk
select r.bucket, r.id, r.tenant_id, r.workflow_id, r.version, r.contact_id, r.key, r.status, r.priority,
       r.seq, r.enrolled_at, r.due_at, r.state, $5::timestamptz as now,
       m.from_version, m.status as old_status, m.node, m.due_at as old_due_at, m.before
  from waypost.moved_runs m
  join waypost.runs r on r.bucket = m.bucket and r.id = m.execution_id
 where m.batch_id = $1 and (m.bucket, m.execution_id) > ($2, $3) and r.version = m.to_version and r.seq >= m.before_seq
   -- Counted, not asked for: as an anti-join the planner reads history whole for every page of a table not yet analysed.
   and (select count(*) from waypost.bursts b, unnest(b.kinds) with ordinality k(kind, n)
         where b.bucket = m.bucket and b.execution_id = m.execution_id and b.seq >= m.before_seq
           and k.kind not in (12, 13) and (k.kind, b.seq + k.n - 1) <> (15, m.before_seq)) = 0
 order by m.bucket, m.execution_id limit $4
   for update of r
