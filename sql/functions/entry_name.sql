-- The event name of a history entry's kind; model/transition.rs says the same.
-- Called by: views, explain. Locks: none. Index: none. Inlined by the planner.
create or replace function waypost.entry_name(code smallint) returns text
language sql immutable parallel safe
return (array['execution:started', 'step:completed', 'step:failed', 'execution:waiting', 'action:dispatched',
  'step:skipped', 'goal:achieved', 'execution:completed', 'execution:exited', 'execution:cancelled',
  'execution:failed', 'execution:paused', 'execution:resumed', 'step:joined', 'execution:moved'])[code];
