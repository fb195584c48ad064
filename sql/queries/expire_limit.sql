-- Starts that have left the window of a limit that is ours do not count any more; answers how many.
-- used by: store/limits.rs take
-- locks:   the rows it deletes; the limit's row is held
-- index:   workflow_starts_pk, workflow_limits_pk
with gone as (
  delete from waypost.workflow_starts s
   where s.bucket = $1 and s.tenant_id = $2 and s.workflow_id = $3 and s.at <= $4
  returning s.starts),
fewer as (
  update waypost.workflow_limits l set used = l.used - g.n
    from (select sum(g.starts)::bigint as n from gone g) g
   where l.bucket = $1 and l.tenant_id = $2 and l.workflow_id = $3 and g.n > 0)
select coalesce(sum(g.starts), 0)::bigint from gone g
