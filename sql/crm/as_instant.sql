-- Text as an instant, or an error that names the field. Without a zone: UTC.
-- Called by: write_contacts, custom fields. Locks: none. Index: none.
create or replace function crm.as_instant(p_field text, p_text text) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
begin
  return p_text::timestamptz;
exception when data_exception then
  raise exception using errcode = 'WP004', message = format('the contact field "%s" takes a date with time', p_field),
    hint = 'For example 2027-03-31T09:30:00Z.';
end
$$;
