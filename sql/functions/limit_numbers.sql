-- The numbers of a refusal by a limit: how many are allowed, how many there were, in which window, and when the window
-- next has room. Without a window it never has.
-- Called by: enroll_batch, for refusals only. Locks: none. Index: none.
-- needs: span_shift
create or replace function waypost.limit_numbers(
  p_limit int, p_used bigint, p_amount int, p_unit text, p_starts timestamptz[], p_zone text
) returns jsonb
language sql stable parallel safe set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('limit', p_limit, 'used', p_used)
         || case when p_amount is null then '{}' else jsonb_build_object(
              'window', jsonb_build_object('amount', p_amount, 'unit', p_unit),
              'nextAt', waypost.span_shift((select s from unnest(p_starts) s where s is not null
                                            order by s desc offset p_limit - 1 limit 1), p_amount, p_unit, p_zone)) end
$$;
