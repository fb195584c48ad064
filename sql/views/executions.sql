-- Executions, live and ended
-- Called by: people, the API, `waypost executions`. Index: runs_pk, finished_pk; state also bursts_pk.
-- state is computed only where it is asked for.
-- needs: status_name, execution_state
create or replace view waypost.executions with (security_invoker = true) as
select x.id, t.name as tenant, w.slug as workflow, x.version, x.contact_id, x.key, waypost.status_name(x.status) as status,
       x.reason, x.enrolled_at as started_at, x.finished_at as ended_at, x.due_at, x.priority,
       waypost.execution_state(x.bucket, x.id, x.workflow_id, x.version, x.node, x.finished_at is null, x.state) as state,
       jsonb_build_object('vars', coalesce(x.state -> 'v', '{}'), 'event', x.state -> 'e', 'snapshot', x.state -> 'x')
         as context
from (select r.bucket, r.id, r.tenant_id, r.workflow_id, r.version, r.contact_id, r.key, r.status, null::text as reason,
             r.enrolled_at, null::timestamptz as finished_at, r.due_at, r.priority, r.node, r.state
      from waypost.runs r
      union all
      select f.bucket, f.id, f.tenant_id, f.workflow_id, f.version, f.contact_id, f.key, f.status, f.reason, f.enrolled_at,
             f.finished_at, null, f.priority, f.node, f.state
      from waypost.finished f) x
join waypost.tenants t on t.id = x.tenant_id
join waypost.workflows w on w.id = x.workflow_id;
comment on view waypost.executions is 'Executions, live and ended';
comment on column waypost.executions.id is 'Derived id: its first 48 bits are the millisecond of its origin';
comment on column waypost.executions.tenant is 'Name of the tenant it belongs to';
comment on column waypost.executions.workflow is 'Id of the workflow, as in its definition';
comment on column waypost.executions.version is 'The published version that it follows to the end';
comment on column waypost.executions.contact_id is 'Whose execution it is';
comment on column waypost.executions.key is 'The live key: at most one live execution for workflow, contact and key';
comment on column waypost.executions.status is 'ready, waiting, dispatching, paused, completed, exited, cancelled or failed';
comment on column waypost.executions.reason is 'Why it ended: goal:<id>, exit_conditions, entry_conditions, an error class, the reason of a cancel';
comment on column waypost.executions.started_at is 'When it was enrolled (business time)';
comment on column waypost.executions.ended_at is 'When it ended; null while it is live';
comment on column waypost.executions.due_at is 'When the clock looks at it again; null where it waits for something else, or has ended';
comment on column waypost.executions.priority is 'Lower goes first';
comment on column waypost.executions.state is 'currentNodeId, visitedNodes, executionPath, waitingUntil, activeBranches, stepResults';
comment on column waypost.executions.context is 'vars, event (the envelope that enrolled it) and snapshot (the contact as it was then)';
