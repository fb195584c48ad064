-- A local time as an instant by one rule: in a gap the next valid instant, in an overlap the
-- first. Postgres alone would shift out of a gap by its length, and take the second of an overlap.
-- Called by: span_shift. Locks: none. Index: none.
create or replace function waypost.local_instant(p_local timestamp, p_zone text) returns timestamptz
language plpgsql stable parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
  v_at     timestamptz := p_local at time zone p_zone;
  v_first  timestamptz;
begin
  -- Overlaps are 30 minutes to 3 hours long; the first instant that reads the same is the one.
  select min(x) into v_first
  from generate_series(v_at - interval '3 hours', v_at, interval '30 minutes') x
  where x at time zone p_zone = p_local;
  if v_first is not null then
    return v_first;
  end if;
  return (select min(x)
          from generate_series(date_trunc('minute', v_at) - interval '3 hours', v_at, interval '1 minute') x
          where x at time zone p_zone > p_local);
end
$$;
