-- Events, matched and waiting
-- Called by: people, the API, replay. Index: event_queue_pk, events_pk, events_contact for one contact.
create or replace view waypost.event_log with (security_invoker = true) as
select q.id, t.name as tenant, q.type, q.contact_id, q.occurred_at, q.recorded_at, null::timestamptz as matched_at, q.data,
       q.old, q.new, q.cause, q.source, null::jsonb as decisions
from waypost.event_queue q join waypost.tenants t on t.id = q.tenant_id
union all
select e.id, t.name, e.type, e.contact_id, e.occurred_at, e.recorded_at, e.matched_at, e.data, e.old, e.new, e.cause,
       e.source, e.decisions
from waypost.events e join waypost.tenants t on t.id = e.tenant_id;
comment on view waypost.event_log is 'Events, matched and waiting';
comment on column waypost.event_log.id is 'Id of the event';
comment on column waypost.event_log.tenant is 'Name of the tenant it belongs to';
comment on column waypost.event_log.type is 'Dotted type, e.g. form.submitted';
comment on column waypost.event_log.contact_id is 'Whose event; null for the tenant itself';
comment on column waypost.event_log.occurred_at is 'Business time';
comment on column waypost.event_log.recorded_at is 'When it was written: the order in which one contact is handled';
comment on column waypost.event_log.matched_at is 'When it was matched; null while it waits';
comment on column waypost.event_log.data is 'Payload';
comment on column waypost.event_log.old is 'Changed values before';
comment on column waypost.event_log.new is 'Values after';
comment on column waypost.event_log.cause is 'The execution whose write made it';
comment on column waypost.event_log.source is 'sql, crm, api, scheduler, webhook ...';
comment on column waypost.event_log.decisions is 'What the matcher made of it: workflow, trigger, outcome, reason, execution';
