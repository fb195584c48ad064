-- Where the branches of a workflow's live executions stand, and what they wait for; step -1: not begun.
-- An execution with two branches on a step counts once there.
-- used by: store/workflows.rs live_places
-- locks:   none
-- index:   none: live executions are read whole
select r.version, case when b.value is null then -1 else coalesce((b.value ->> 'n')::int, 0) end as step,
       b.value -> 'p' ->> 'k' as park, count(distinct r.id) as executions
  from waypost.runs r
  left join lateral jsonb_array_elements(r.state -> 'b') b on true
 where r.tenant_id = $1 and r.workflow_id = $2
 group by 1, 2, 3
 order by 1, 2, 3
