-- Everything that the engine says about executions and enrolments, one row an event
-- Called by: people, the event stream. Index: bursts_pk for one execution, blocks_contact for the refusals of one contact.
-- The timeline and the refusals in one shape: a refusal is one row, and is its own event.
-- needs: execution_timeline, enrollment_blocks
create or replace view waypost.engine_events with (security_invoker = true) as
select t.at, t.event, t.tenant, t.workflow, t.execution_id, t.seq, t.step_id, t.goal_id, null::uuid as contact_id,
       t.result as detail
from waypost.execution_timeline t
union all
select b.at, 'enrollment:blocked', b.tenant, b.workflow, null, null, null, null, b.contact_id,
       jsonb_strip_nulls(jsonb_build_object('reason', b.reason, 'detail', b.detail, 'source', b.source_id))
from waypost.enrollment_blocks b;
comment on view waypost.engine_events is 'Everything that the engine says about executions and enrolments, one row an event';
comment on column waypost.engine_events.at is 'Business time';
comment on column waypost.engine_events.event is 'execution:..., step:..., goal:achieved, action:dispatched, enrollment:blocked';
comment on column waypost.engine_events.tenant is 'Name of the tenant it belongs to';
comment on column waypost.engine_events.workflow is 'Id of the workflow, as in its definition';
comment on column waypost.engine_events.execution_id is 'The execution; null for a refusal, which has none';
comment on column waypost.engine_events.seq is 'Number of the entry within the execution';
comment on column waypost.engine_events.step_id is 'The step it is about';
comment on column waypost.engine_events.goal_id is 'The goal achieved';
comment on column waypost.engine_events.contact_id is 'Who was refused; for the others see waypost.executions';
comment on column waypost.engine_events.detail is 'What the step returned, the error, or the reason and numbers of a refusal';
