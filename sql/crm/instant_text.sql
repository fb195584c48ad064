-- An instant as events carry it, whatever the session's zone: UTC with Z, fractions in threes where there are any, as
-- model/zone.rs writes it.
-- Called by: contact_json. Locks: none. Index: none.
create or replace function crm.instant_text(p_at timestamptz) returns text
language sql stable
return case when isfinite(p_at) then
  regexp_replace(to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '\.?(000){1,2}$', '') || 'Z' end;
