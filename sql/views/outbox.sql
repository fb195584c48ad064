-- What was to happen outside, open and ended
-- Called by: people, the API, `waypost outbox`. Index: sends_pk, deliveries_pk, sends_execution, deliveries_execution.
-- needs: outbox_state_name, policy_name
create or replace view waypost.outbox with (security_invoker = true) as
select x.id, t.name as tenant, w.slug as workflow, x.version, x.execution_id, x.seq, v.steps[x.step + 1] as step_id,
       x.contact_id, x.action, waypost.policy_name(x.policy) as policy, waypost.outbox_state_name(x.state) as status,
       x.attempt as attempts, x.fence, x.created_at, x.due_at, x.first_at as first_attempt_at, x.claimed_at, x.lease_until,
       x.finished_at as ended_at, x.error, x.request, x.response, x.settled_at, x.settled_by
from (select o.id, o.tenant_id, o.workflow_id, o.version, o.execution_id, o.seq, o.step, o.contact_id, o.action, o.policy,
             o.state, o.attempt, o.fence, o.created_at, o.due_at, o.first_at, o.claimed_at, o.lease_until,
             null::timestamptz as finished_at, o.error, o.request, null::jsonb as response,
             null::timestamptz as settled_at, null::text as settled_by
      from waypost.sends o
      union all
      select d.id, d.tenant_id, d.workflow_id, d.version, d.execution_id, d.seq, d.step, d.contact_id, d.action, d.policy,
             d.state, d.attempt, d.fence, d.created_at, null, d.first_at, d.claimed_at, null, d.finished_at, d.error,
             d.request, d.response, d.settled_at, d.settled_by
      from waypost.deliveries d) x
join waypost.tenants t on t.id = x.tenant_id
join waypost.workflows w on w.id = x.workflow_id
left join waypost.versions v on v.workflow_id = x.workflow_id and v.version = x.version;
comment on view waypost.outbox is 'What was to happen outside, open and ended';
comment on column waypost.outbox.id is 'Derived from execution and seq: idempotency key, Message-ID and trace id';
comment on column waypost.outbox.tenant is 'Name of the tenant it belongs to';
comment on column waypost.outbox.workflow is 'Id of the workflow, as in its definition';
comment on column waypost.outbox.version is 'The version that asked for it';
comment on column waypost.outbox.execution_id is 'The execution that asked for it';
comment on column waypost.outbox.seq is 'The history entry that asked for it';
comment on column waypost.outbox.step_id is 'The step';
comment on column waypost.outbox.contact_id is 'Whose execution it is';
comment on column waypost.outbox.action is 'Action type, e.g. send_email';
comment on column waypost.outbox.policy is 'dedupe, reconcile, hold or retry';
comment on column waypost.outbox.status is 'pending, claimed, sending, sent, failed, unknown, suppressed or cancelled';
comment on column waypost.outbox.attempts is 'Attempts begun; each was committed before its first byte left';
comment on column waypost.outbox.fence is 'Counter that shuts late senders out';
comment on column waypost.outbox.created_at is 'Business time';
comment on column waypost.outbox.due_at is 'When it is to be sent next; null once it has ended';
comment on column waypost.outbox.first_attempt_at is 'When the first attempt was committed';
comment on column waypost.outbox.claimed_at is 'When the last attempt was committed';
comment on column waypost.outbox.lease_until is 'Until when its sender holds it';
comment on column waypost.outbox.ended_at is 'When it ended';
comment on column waypost.outbox.error is 'Class of the last verdict';
comment on column waypost.outbox.request is 'What is sent: rendered and frozen; secrets only as references';
comment on column waypost.outbox.response is 'What the provider said at the end';
comment on column waypost.outbox.settled_at is 'When somebody could say what became of it, where it had ended as unknown';
comment on column waypost.outbox.settled_by is 'Who said so: callback, operator or late_reply';
