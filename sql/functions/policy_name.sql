-- The word for what an unknown outcome means; model/transition.rs says the same.
-- Called by: views, explain. Locks: none. Index: none. Inlined by the planner.
create or replace function waypost.policy_name(code smallint) returns text
language sql immutable parallel safe
return (array['dedupe', 'reconcile', 'hold', 'retry'])[code + 1];
