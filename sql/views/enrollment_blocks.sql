-- Enrolments that were refused, with the reason
-- Called by: people, the API, explain. Index: blocks_contact for one contact.
-- A duplicate (a live execution holds the key) is among them, with reason duplicate.
create or replace view waypost.enrollment_blocks with (security_invoker = true) as
select b.id, t.name as tenant, w.slug as workflow, b.contact_id, b.at, b.reason, b.detail, b.source_id
from waypost.blocks b
join waypost.tenants t on t.id = b.tenant_id
join waypost.workflows w on w.id = b.workflow_id;
comment on view waypost.enrollment_blocks is 'Enrolments that were refused, with the reason';
comment on column waypost.enrollment_blocks.id is 'Id of the refusal';
comment on column waypost.enrollment_blocks.tenant is 'Name of the tenant it belongs to';
comment on column waypost.enrollment_blocks.workflow is 'Id of the workflow, as in its definition';
comment on column waypost.enrollment_blocks.contact_id is 'Who was refused';
comment on column waypost.enrollment_blocks.at is 'Business time';
comment on column waypost.enrollment_blocks.reason is 'unknown_contact, workflow_paused, enrollment_limit, re_enrollment_delay, entry_conditions, duplicate ...';
comment on column waypost.enrollment_blocks.detail is 'The numbers behind it';
comment on column waypost.enrollment_blocks.source_id is 'The event or enrolment that was refused';
