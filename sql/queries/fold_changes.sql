-- Adds some changes up into the figures of their workflows and deletes them: a reader's snapshot has them before or
-- after. Returns how many there were.
-- used by: store/counts.rs
-- locks:   the changes, SKIP LOCKED; then the figures, in order of their key
-- index:   workflow_counts_pk; the changes are read in the order they lie
with gone as materialized (
  delete from waypost.workflow_changes c
   where c.ctid = any (array(select x.ctid from waypost.workflow_changes x limit $1 for update skip locked))
  returning c.*),
folded as (
  insert into waypost.workflow_counts as w
         (bucket, tenant_id, workflow_id, forgotten, completed, exited, cancelled, failed, blocked, goals, completion_time)
  select waypost.home_bucket(g.tenant_id), g.tenant_id, g.workflow_id, g.forgotten, sum(g.completed), sum(g.exited),
         sum(g.cancelled), sum(g.failed), sum(g.blocked), sum(g.goals), sum(g.completion_time)
    from gone g
   group by g.tenant_id, g.workflow_id, g.forgotten
   order by 1, 2, 3, 4
      on conflict on constraint workflow_counts_pk do update
     set completed = w.completed + excluded.completed, exited = w.exited + excluded.exited,
         cancelled = w.cancelled + excluded.cancelled, failed = w.failed + excluded.failed,
         blocked = w.blocked + excluded.blocked, goals = w.goals + excluded.goals,
         completion_time = w.completion_time + excluded.completion_time)
select count(*) from gone
