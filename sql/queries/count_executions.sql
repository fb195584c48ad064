-- Live and ended executions by status, of one tenant or of all; those that retention dropped are left out, and those that
-- their first burst refused.
-- used by: store/overview.rs
-- locks:   none
-- index:   none: live ones are counted, under the caller's time limit; ended ones stand added up
with ended as (
  select c.tenant_id, c.completed, c.exited, c.cancelled, c.failed from waypost.workflow_counts c where not c.forgotten
  union all
  select c.tenant_id, c.completed, c.exited, c.cancelled, c.failed from waypost.workflow_changes c where not c.forgotten)
select x.status, sum(x.executions)::bigint
  from (select r.status, r.tenant_id, count(*) as executions from waypost.runs r group by r.status, r.tenant_id
        union all
        select s.status, e.tenant_id, s.executions
          from ended e,
               lateral (values (4::smallint, e.completed), (5::smallint, e.exited), (6::smallint, e.cancelled),
                               (7::smallint, e.failed)) s(status, executions)) x
 where $1::int is null or x.tenant_id = $1
 group by x.status
