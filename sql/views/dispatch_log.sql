-- What has happened outside, one row a dispatch that ended
-- Called by: people, reports. Index: deliveries_pk, deliveries_execution.
-- needs: outbox
create or replace view waypost.dispatch_log with (security_invoker = true) as
select o.id, o.tenant, o.workflow, o.execution_id, o.step_id, o.contact_id, o.action, o.policy, o.status, o.attempts,
       o.created_at, o.first_attempt_at, o.ended_at, o.ended_at - o.claimed_at as send_time, o.error, o.response
from waypost.outbox o
where o.ended_at is not null;
comment on view waypost.dispatch_log is 'What has happened outside, one row a dispatch that ended';
comment on column waypost.dispatch_log.id is 'The outbox row';
comment on column waypost.dispatch_log.tenant is 'Name of the tenant it belongs to';
comment on column waypost.dispatch_log.workflow is 'Id of the workflow, as in its definition';
comment on column waypost.dispatch_log.execution_id is 'The execution that asked for it';
comment on column waypost.dispatch_log.step_id is 'The step';
comment on column waypost.dispatch_log.contact_id is 'Whose execution it is';
comment on column waypost.dispatch_log.action is 'Action type';
comment on column waypost.dispatch_log.policy is 'dedupe, reconcile, hold or retry';
comment on column waypost.dispatch_log.status is 'sent, failed, unknown, suppressed or cancelled';
comment on column waypost.dispatch_log.attempts is 'Attempts begun';
comment on column waypost.dispatch_log.created_at is 'Business time';
comment on column waypost.dispatch_log.first_attempt_at is 'When the first attempt was committed';
comment on column waypost.dispatch_log.ended_at is 'When it ended';
comment on column waypost.dispatch_log.send_time is 'From the last claim to the end';
comment on column waypost.dispatch_log.error is 'Class of the last verdict';
comment on column waypost.dispatch_log.response is 'What the provider said';
