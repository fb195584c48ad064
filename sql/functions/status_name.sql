-- The word for an execution's status; model/execution.rs says the same.
-- Called by: views, operators' functions. Locks: none. Index: none. Inlined by the planner.
create or replace function waypost.status_name(code smallint) returns text
language sql immutable parallel safe
return (array['ready', 'waiting', 'dispatching', 'paused', 'completed', 'exited', 'cancelled', 'failed'])[code + 1];
