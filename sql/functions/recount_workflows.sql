-- Counts again what workflow_stats adds up, in one snapshot, and returns for how many workflows the figures were wrong.
-- What retention dropped stays as it was counted then. Needed once after an upgrade from a version without these figures,
-- when the last worker of that version is gone: it writes none of them.
-- Called by: operators. Locks: workflow_counts against folding, not against readers or workers. Index: none.
-- needs: enter, home_bucket, counted_workflows
create or replace function waypost.recount_workflows() returns int
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_wrong  int;
  v_scope  text := waypost.enter('*');
begin
  lock table waypost.workflow_counts in share row exclusive mode;
  -- One statement, one snapshot: a change that commits meanwhile is neither counted nor deleted, and stays a change.
  with gone as (
    delete from waypost.workflow_changes c where not c.forgotten returning c.*),
  known as (
    select x.tenant_id, x.workflow_id, sum(x.completed) as completed, sum(x.exited) as exited,
           sum(x.cancelled) as cancelled, sum(x.failed) as failed, sum(x.blocked) as blocked, sum(x.goals) as goals,
           sum(x.completion_time) as completion_time
    from (select g.tenant_id, g.workflow_id, g.completed, g.exited, g.cancelled, g.failed, g.blocked, g.goals,
                 g.completion_time
          from gone g
          union all
          select w.tenant_id, w.workflow_id, w.completed, w.exited, w.cancelled, w.failed, w.blocked, w.goals,
                 w.completion_time
          from waypost.workflow_counts w where not w.forgotten) x
    group by x.tenant_id, x.workflow_id),
  written as (
    insert into waypost.workflow_counts as w
      (bucket, tenant_id, workflow_id, forgotten, completed, exited, cancelled, failed, blocked, goals, completion_time)
    select waypost.home_bucket(i.tenant_id), i.tenant_id, i.workflow_id, false, coalesce(c.completed, 0),
           coalesce(c.exited, 0), coalesce(c.cancelled, 0), coalesce(c.failed, 0), coalesce(c.blocked, 0),
           coalesce(c.goals, 0), coalesce(c.completion_time, '0')
    from (select k.tenant_id, k.workflow_id from known k
          union
          select c.tenant_id, c.workflow_id from waypost.counted_workflows c) i
    left join waypost.counted_workflows c on c.tenant_id = i.tenant_id and c.workflow_id = i.workflow_id
    on conflict on constraint workflow_counts_pk do update
      set completed = excluded.completed, exited = excluded.exited, cancelled = excluded.cancelled,
          failed = excluded.failed, blocked = excluded.blocked, goals = excluded.goals,
          completion_time = excluded.completion_time
    returning w.*)
  select count(*) into v_wrong
  from written w
  left join known k on k.tenant_id = w.tenant_id and k.workflow_id = w.workflow_id
  where (w.completed, w.exited, w.cancelled, w.failed, w.blocked, w.goals, w.completion_time) is distinct from
        (coalesce(k.completed, 0), coalesce(k.exited, 0), coalesce(k.cancelled, 0), coalesce(k.failed, 0),
         coalesce(k.blocked, 0), coalesce(k.goals, 0), coalesce(k.completion_time, '0'));
  perform waypost.enter(v_scope);
  return v_wrong;
end
$$;
