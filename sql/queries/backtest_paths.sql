-- What really happened in the executions of a workflow that were enrolled in a window, entry by entry.
-- used by: store/backtest.rs paths
-- locks:   none
-- index:   bursts_pk for each execution
select e.id, e.contact_id, l.event, coalesce(l.step_id, '') as step
  from waypost.executions e
  join waypost.execution_timeline l on l.execution_id = e.id
 where e.tenant = $1 and e.workflow = $2 and e.started_at >= $3 and e.started_at < $4 and l.at < $4
 order by e.id, l.seq
