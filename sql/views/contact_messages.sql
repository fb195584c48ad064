-- Messages to each contact, whatever the channel
-- Called by: people, the API. Index: none of its own; filter by contact_id.
-- needs: outbox
create or replace view waypost.contact_messages with (security_invoker = true) as
select o.contact_id, o.tenant, o.workflow, o.id as outbox_id, o.execution_id, o.step_id, o.action, o.status,
       o.request ->> 'to' as recipient, o.request ->> 'subject' as subject, o.created_at, o.ended_at
from waypost.outbox o
where o.action in ('send_email', 'send_sms', 'send_whatsapp', 'send_rcs', 'make_call', 'drop_voicemail');
comment on view waypost.contact_messages is 'Messages to each contact, whatever the channel';
comment on column waypost.contact_messages.contact_id is 'Who it was for';
comment on column waypost.contact_messages.tenant is 'Name of the tenant it belongs to';
comment on column waypost.contact_messages.workflow is 'Id of the workflow, as in its definition';
comment on column waypost.contact_messages.outbox_id is 'The outbox row';
comment on column waypost.contact_messages.execution_id is 'The execution that sent it';
comment on column waypost.contact_messages.step_id is 'The step';
comment on column waypost.contact_messages.action is 'send_email, send_sms ...';
comment on column waypost.contact_messages.status is 'pending, claimed, sending, sent, failed, unknown, suppressed or cancelled';
comment on column waypost.contact_messages.recipient is 'Address or number';
comment on column waypost.contact_messages.subject is 'Subject, of mails';
comment on column waypost.contact_messages.created_at is 'When the step asked for it (business time)';
comment on column waypost.contact_messages.ended_at is 'When it ended';
