-- The state of an execution that has not begun: the envelope of what enrolled it, and the length of the chain of causes.
-- Inlined by the planner.
-- Called by: enroll, enroll_batch. Locks: none. Index: none.
create or replace function waypost.enrolled_state(p_event jsonb, p_depth int) returns jsonb
language sql stable parallel safe
return case when p_event is null then '{}'::jsonb else jsonb_build_object('e', p_event) end
       || case when p_depth > 0 then jsonb_build_object('d', p_depth) else '{}'::jsonb end;
