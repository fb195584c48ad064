-- Custom fields as their declared types (crm.custom_fields); an undeclared field stays as it came.
-- A value that does not fit is an error that names the field.
-- Called by: the row trigger of crm.contacts. Locks: none. Index: custom_fields_pk.
create or replace function crm.coerce_custom_fields(p_tenant text, p_fields jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  v_fields jsonb := p_fields;
  v_field  record;
  v_text   text;
begin
  for v_field in
    select f.name, f.type from crm.custom_fields f where f.tenant_id = p_tenant and p_fields ? f.name
  loop
    v_text := v_fields ->> v_field.name;
    if v_text is null then
      continue;
    end if;
    begin
      v_fields := v_fields || jsonb_build_object(v_field.name, case v_field.type
        when 'text' then to_jsonb(v_text)
        when 'number' then to_jsonb(v_text::numeric)
        when 'boolean' then to_jsonb(v_text::boolean)
        when 'date' then to_jsonb(crm.as_date(v_field.name, v_text))
        when 'datetime' then to_jsonb(to_char(crm.as_instant(v_field.name, v_text) at time zone 'UTC',
                                              'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
      end);
    exception when data_exception then
      raise exception using errcode = 'WP004',
        message = format('the contact field "%s" takes a %s', v_field.name, v_field.type),
        hint = case v_field.type when 'number' then 'For example 12.5.' else 'true or false.' end;
    end;
  end loop;
  return v_fields;
end
$$;
