-- Two-sided p-value of the difference of two proportions (z test, pooled); null where it says nothing.
-- The normal tail by Abramowitz and Stegun 7.1.26: exact to 2e-7.
-- Called by: split_results. Locks: none. Index: none.
create or replace function waypost.proportion_p_value(n1 bigint, k1 bigint, n2 bigint, k2 bigint) returns double precision
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
  select case when n1 > 0 and n2 > 0 and s.spread > 0 then
      (0.254829592 + (-0.284496736 + (1.421413741 + (-1.453152027 + 1.061405429 * y.t) * y.t) * y.t) * y.t) * y.t
        * exp(-z.x * z.x)
    end
  from (select (k1 + k2)::float8 / nullif(n1 + n2, 0) as p) p,
       lateral (select sqrt(p.p * (1 - p.p) * (1.0 / nullif(n1, 0) + 1.0 / nullif(n2, 0))) as spread) s,
       lateral (select least(abs(k1::float8 / nullif(n1, 0) - k2::float8 / nullif(n2, 0)) / nullif(s.spread, 0) / sqrt(2),
                             26) as x) z,
       lateral (select 1 / (1 + 0.3275911 * z.x) as t) y
$$;
