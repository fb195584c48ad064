-- Text as a date, or an error that names the field.
-- Called by: write_contacts, custom fields. Locks: none. Index: none.
create or replace function crm.as_date(p_field text, p_text text) returns date
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
  return p_text::date;
exception when data_exception then
  raise exception using errcode = 'WP004', message = format('the contact field "%s" takes a date', p_field),
    hint = 'For example 2027-03-31.';
end
$$;
