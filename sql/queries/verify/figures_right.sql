-- The figures that workflow_stats adds up are what counting gives.
-- used by: app/verify.rs
-- locks:   none
-- index:   none: ended executions, history and refusals are read whole
select count(*)
  from (select x.tenant_id, x.workflow_id, sum(x.completed)::bigint as completed, sum(x.exited)::bigint as exited,
               sum(x.cancelled)::bigint as cancelled, sum(x.failed)::bigint as failed, sum(x.blocked)::bigint as blocked,
               sum(x.goals)::bigint as goals, sum(x.completion_time) as completion_time
          from (select w.tenant_id, w.workflow_id, w.completed, w.exited, w.cancelled, w.failed, w.blocked, w.goals,
                       w.completion_time
                  from waypost.workflow_counts w where not w.forgotten
                union all
                select c.tenant_id, c.workflow_id, c.completed, c.exited, c.cancelled, c.failed, c.blocked, c.goals,
                       c.completion_time
                  from waypost.workflow_changes c where not c.forgotten) x
         group by x.tenant_id, x.workflow_id) known
  full join waypost.counted_workflows counted
    on counted.tenant_id = known.tenant_id and counted.workflow_id = known.workflow_id
 where ($1::int is null or coalesce(known.tenant_id, counted.tenant_id) = $1)
   and (coalesce(known.completed, 0), coalesce(known.exited, 0), coalesce(known.cancelled, 0), coalesce(known.failed, 0),
        coalesce(known.blocked, 0), coalesce(known.goals, 0), coalesce(known.completion_time, '0'))
       is distinct from
       (coalesce(counted.completed, 0), coalesce(counted.exited, 0), coalesce(counted.cancelled, 0),
        coalesce(counted.failed, 0), coalesce(counted.blocked, 0), coalesce(counted.goals, 0),
        coalesce(counted.completion_time, '0'))
