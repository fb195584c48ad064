-- Messages that were captured instead of leaving the machine
-- Called by: people, the UI, `waypost outbox list`. Index: captured_pk, deliveries_pk.
create or replace view waypost.messages with (security_invoker = true) as
select c.outbox_id as id, t.name as tenant, w.slug as workflow, d.execution_id, v.steps[d.step + 1] as step_id, c.contact_id,
       c.channel, c.recipient, c.subject, c.body, c.html, c.headers, c.at
from waypost.captured c
join waypost.tenants t on t.id = c.tenant_id
left join waypost.deliveries d on d.bucket = c.bucket and d.id = c.outbox_id
left join waypost.workflows w on w.id = d.workflow_id
left join waypost.versions v on v.workflow_id = d.workflow_id and v.version = d.version;
comment on view waypost.messages is 'Messages that were captured instead of leaving the machine';
comment on column waypost.messages.id is 'The outbox row';
comment on column waypost.messages.tenant is 'Name of the tenant it belongs to';
comment on column waypost.messages.workflow is 'Id of the workflow, as in its definition';
comment on column waypost.messages.execution_id is 'The execution that sent it';
comment on column waypost.messages.step_id is 'The step';
comment on column waypost.messages.contact_id is 'Who it was for';
comment on column waypost.messages.channel is 'email, sms ...';
comment on column waypost.messages.recipient is 'Address or number';
comment on column waypost.messages.subject is 'Subject, of mails';
comment on column waypost.messages.body is 'Text';
comment on column waypost.messages.html is 'HTML, of mails';
comment on column waypost.messages.headers is 'Headers that would have been sent';
comment on column waypost.messages.at is 'Business time';
