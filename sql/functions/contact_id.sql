-- The UUID that stands for a team's own key of any type.
-- Called by: applications, watch triggers, mapping views. Locks: none. Index: none.
create or replace function waypost.contact_id(key text) returns uuid
language sql immutable parallel safe
return encode(set_byte(set_byte(substring(sha256(convert_to('waypost.contact:' || key, 'UTF8')), 1, 16), 6,
    128 | (get_byte(sha256(convert_to('waypost.contact:' || key, 'UTF8')), 6) & 15)), 8,
    128 | (get_byte(sha256(convert_to('waypost.contact:' || key, 'UTF8')), 8) & 63)), 'hex')::uuid;
