-- Plans the timed triggers of a workflow for rows that are open already; returns how many. Here: nothing is timed.
-- Called by: publishing. Locks: the timers it writes. A team's own mapping takes this place.
create function waypost.plan_timers(workflow_id int) returns int
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  select 0
$$;
