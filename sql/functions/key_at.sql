-- The enrollment key at a plain path below an event's data: text without blanks around it, a number in its shortest form,
-- true or false. Anything else (nothing, an empty text, an object, an array) is no key. engine/rules.rs says the same.
-- Called by: enroll_batch. Locks: none. Index: none.
create or replace function waypost.key_at(p_data jsonb, p_path text[]) returns text
language sql immutable parallel safe
return case when p_path is not null then case jsonb_typeof(p_data #> p_path)
         when 'string' then nullif(btrim(p_data #>> p_path, E' \t\n\r'), '')
         when 'number' then trim_scale((p_data #>> p_path)::numeric)::text
         when 'boolean' then p_data #>> p_path
       end end;
