-- Unix milliseconds of an instant, rounded down as chrono does.
-- Called by: everything that derives an id. Locks: none. Index: none. Inlined by the planner, which needs the time
-- without a zone for it: what is extracted from one with a zone counts as stable, and a call costs seven times as much.
create or replace function waypost.millis(at timestamptz) returns bigint
language sql immutable parallel safe
return floor(extract(epoch from at at time zone 'UTC') * 1000)::bigint;
