-- An instant from Unix milliseconds, as the machine's state keeps them; null for what is no number.
-- Called by: views. Locks: none. Index: none. Inlined by the planner.
create or replace function waypost.from_millis(millis jsonb) returns timestamptz
language sql immutable parallel safe
return timestamptz 'epoch' + (millis #>> '{}')::bigint * interval '1 millisecond';
