-- The envelope that an execution keeps whose enrolment was called for, as that of an event is kept.
-- Inlined by the planner.
-- Called by: enroll, enroll_many. Locks: none. Index: none.
-- Its kind is set by `waypost enroll`, where a person does it.
create or replace function waypost.enrolled_event(p_source uuid, p_at timestamptz, p_data jsonb) returns jsonb
language sql stable parallel safe
return jsonb_build_object(
  'type', coalesce(nullif(current_setting('waypost.enrolled_by', true), ''), 'api.trigger'), 'id', p_source,
  'occurred_at', to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'data', coalesce(p_data, '{}'));
