-- How many executions a batch moved, and which versions they came from.
-- used by: store/migrate.rs moved_by
-- locks:   none
-- index:   moved_runs_batch
select m.workflow_id, m.from_version, m.to_version, count(*)
  from waypost.moved_runs m where m.batch_id = $1
 group by 1, 2, 3 order by 1, 2, 3
