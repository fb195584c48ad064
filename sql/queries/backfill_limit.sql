-- The count of a workflow's limit, out of the executions there are; $3: starts up to then do not count.
-- used by: store/rules.rs publish
-- locks:   the limit's row, held already
-- index:   none: executions of the workflow are read whole, once
with starts as (
  select x.at, count(*)::int as n
    from (select r.enrolled_at as at from waypost.runs r
           where r.tenant_id = $1 and r.workflow_id = $2 and r.state ? 's'
          union all
          select f.enrolled_at from waypost.finished f
           where f.tenant_id = $1 and f.workflow_id = $2 and not waypost.refused_at_start(f.reason)) x
   where $3::timestamptz is null or x.at > $3
   group by x.at),
kept as (
  insert into waypost.workflow_starts (bucket, tenant_id, workflow_id, at, starts)
  select waypost.home_bucket($1), $1, $2, s.at, s.n from starts s where $3 is not null)
update waypost.workflow_limits l
   set used = (select coalesce(sum(s.n), 0) from starts s)
 where l.bucket = waypost.home_bucket($1) and l.tenant_id = $1 and l.workflow_id = $2
