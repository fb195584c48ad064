-- An instant from Unix milliseconds, as the machine's state keeps them; null for what is no number.
-- Called by: views. Locks: none. Index: none. Inlined by the planner, which for this must not meet a time with a zone that
-- an interval is added to: that counts as stable.
create or replace function waypost.from_millis(millis jsonb) returns timestamptz
language sql immutable parallel safe
return (timestamp 'epoch' + (millis #>> '{}')::bigint * interval '1 millisecond') at time zone 'UTC';
