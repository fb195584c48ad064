-- The figures of workflow_counts as counting the tables gives them: what recounting writes, and what checks hold them to.
-- Called by: recount_workflows, waypost verify. Index: none, it reads ended executions, history and refusals whole.
-- needs: refused_at_start
create or replace view waypost.counted_workflows with (security_invoker = true) as
select t.name as tenant, w.slug as workflow, x.tenant_id, x.workflow_id, sum(x.completed)::bigint as completed, sum(x.exited)::bigint as exited,
       sum(x.cancelled)::bigint as cancelled, sum(x.failed)::bigint as failed, sum(x.blocked)::bigint as blocked,
       sum(x.goals)::bigint as goals, sum(x.took) as completion_time
from (select f.tenant_id, f.workflow_id, count(*) filter (where f.status = 4) as completed,
             count(*) filter (where f.status = 5) as exited, count(*) filter (where f.status = 6) as cancelled,
             count(*) filter (where f.status = 7) as failed, 0 as goals, 0 as blocked,
             coalesce(sum(f.finished_at - f.enrolled_at) filter (where f.status = 4), '0') as took
      from waypost.finished f
      where not waypost.refused_at_start(f.reason)
      group by f.tenant_id, f.workflow_id
      union all
      select f.tenant_id, f.workflow_id, 0, 0, 0, 0, count(*), 0, '0'
      from waypost.finished f, lateral unnest(f.kinds) k
      where k = 7
      group by f.tenant_id, f.workflow_id
      union all
      select b.tenant_id, b.workflow_id, 0, 0, 0, 0, count(*), 0, '0'
      from waypost.bursts b, lateral unnest(b.kinds) k
      where k = 7
      group by b.tenant_id, b.workflow_id
      union all
      select b.tenant_id, b.workflow_id, 0, 0, 0, 0, 0, count(*), '0'
      from waypost.blocks b
      where b.reason <> 'duplicate'
      group by b.tenant_id, b.workflow_id) x
join waypost.tenants t on t.id = x.tenant_id
join waypost.workflows w on w.id = x.workflow_id
group by t.name, w.slug, x.tenant_id, x.workflow_id;
comment on view waypost.counted_workflows is 'Figures of each workflow, counted in the tables that are kept';
comment on column waypost.counted_workflows.tenant is 'Name of the tenant it belongs to';
comment on column waypost.counted_workflows.workflow is 'Id of the workflow, as in its definition';
comment on column waypost.counted_workflows.tenant_id is 'Number of the tenant';
comment on column waypost.counted_workflows.workflow_id is 'Number of the workflow';
comment on column waypost.counted_workflows.completed is 'Executions that came to the end of every branch';
comment on column waypost.counted_workflows.exited is 'Executions that left by a goal, an exit condition or end_workflow';
comment on column waypost.counted_workflows.cancelled is 'Executions that were ended from outside';
comment on column waypost.counted_workflows.failed is 'Executions that failed for good';
comment on column waypost.counted_workflows.blocked is 'Enrolments refused, duplicates left out';
comment on column waypost.counted_workflows.goals is 'Goals achieved';
comment on column waypost.counted_workflows.completion_time is 'From enrolment to completion, summed up over the completed ones';
