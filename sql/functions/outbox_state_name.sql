-- The word for the state of an outbox row, open or ended.
-- Called by: views, explain. Locks: none. Index: none. Inlined by the planner.
create or replace function waypost.outbox_state_name(code smallint) returns text
language sql immutable parallel safe
return (array['pending', 'claimed', 'sending', 'sent', 'failed', 'unknown', 'suppressed', 'cancelled'])[code + 1];
