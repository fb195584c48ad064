-- An instant some spans later (or earlier, for a negative amount): seconds, minutes and hours are absolute; days, weeks
-- and months are calendar units in the zone.
-- Called by: enroll_batch, timer planning. Locks: none. Index: none.
-- needs: local_instant
create or replace function waypost.span_shift(p_at timestamptz, p_amount int, p_unit text, p_zone text) returns timestamptz
language sql stable parallel safe set search_path = pg_catalog, pg_temp
as $$
  select case rtrim(lower(p_unit), 's')
    when 'second' then p_at + make_interval(secs => p_amount)
    when 'minute' then p_at + make_interval(mins => p_amount)
    when 'hour' then p_at + make_interval(hours => p_amount)
    when 'day' then waypost.local_instant(p_at at time zone p_zone + make_interval(days => p_amount), p_zone)
    when 'week' then waypost.local_instant(p_at at time zone p_zone + make_interval(weeks => p_amount), p_zone)
    when 'month' then waypost.local_instant(p_at at time zone p_zone + make_interval(months => p_amount), p_zone)
    when 'year' then waypost.local_instant(p_at at time zone p_zone + make_interval(years => p_amount), p_zone)
  end
$$;
