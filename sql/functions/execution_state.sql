-- An execution's state in the long names of the specification, out of the machine's short ones and the history.
-- Called by: the view executions, only where the column is asked for. Locks: none. Index: bursts_pk, versions_pk, moved_runs_pk.
-- needs: all_bursts, entry_name, from_millis
create or replace function waypost.execution_state(
  p_bucket smallint, p_id uuid, p_workflow int, p_version int, p_node int, p_live boolean, p_state jsonb
) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
as $$
  with version as (
    select v.steps, v.goals from waypost.versions v where v.workflow_id = p_workflow and v.version = p_version),
  entries as (
    select b.seq + u.n - 1 as seq, b.at, u.kind, b.results -> (u.n - 1)::int as result,
           case when u.kind = 7 then null else v.steps[u.step + 1] end as step,
           case when u.kind = 7 then v.goals[u.step + 1] end as goal
    from waypost.all_bursts b
    -- Where it was moved: the version that it left next.
    join waypost.versions v on v.workflow_id = p_workflow and v.version = coalesce(
           (select m.from_version from waypost.moved_runs m
            where m.bucket = p_bucket and m.execution_id = p_id and m.before_seq > b.seq
            order by m.before_seq limit 1), p_version),
         lateral unnest(b.steps, b.kinds) with ordinality u(step, kind, n)
    where b.bucket = p_bucket and b.execution_id = p_id),
  branches as (
    select coalesce((b.value ->> 'i')::int, 0) as id, v.steps[coalesce((b.value ->> 'n')::int, 0) + 1] as step,
           b.value -> 'p' as park
    from jsonb_array_elements(coalesce(p_state -> 'b', '[]')) b cross join version v
    where p_live)
  select jsonb_build_object(
    'currentNodeId', case when p_live then (select v.steps[p_node + 1] from version v) end,
    'visitedNodes', (select coalesce(jsonb_agg(x.step order by x.first), '[]')
                     from (select e.step, min(e.seq) as first from entries e
                           where e.step is not null group by e.step) x),
    'executionPath', (select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                               'stepId', e.step, 'goalId', e.goal, 'event', waypost.entry_name(e.kind), 'at', e.at))
                               || case when e.result is null or e.result = 'null' then '{}'
                                       else jsonb_build_object('result', e.result) end order by e.seq), '[]')
                      from entries e),
    'waitingUntil', (select min(waypost.from_millis(b.park -> 'u')) from branches b),
    'activeBranches', (select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                               'id', b.id, 'stepId', b.step,
                               'waitingFor', case b.park ->> 'k' when 't' then 'time' when 'c' then 'condition'
                                 when 'e' then 'event' when 'o' then 'reply' when 'j' then 'join' when 'r' then 'retry'
                                 when 'v' then 'review' when 'w' then 'workflow' end,
                               'since', waypost.from_millis(b.park -> 'a'), 'until', waypost.from_millis(b.park -> 'u'),
                               'timesOutAt', waypost.from_millis(b.park -> 'm'))) order by b.id), '[]')
                       from branches b),
    'stepResults', (select coalesce(jsonb_object_agg(x.step, x.result), '{}')
                    from (select distinct on (e.step) e.step, e.result from entries e
                          where e.step is not null and e.kind in (2, 3) and e.result is not null and e.result <> 'null'
                          order by e.step, e.seq desc) x))
$$;
