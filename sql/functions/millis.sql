-- Unix milliseconds of an instant, rounded down as chrono does.
-- Called by: everything that derives an id. Locks: none. Index: none. Inlined by the planner.
create or replace function waypost.millis(at timestamptz) returns bigint
language sql immutable parallel safe
return floor(extract(epoch from at) * 1000)::bigint;
