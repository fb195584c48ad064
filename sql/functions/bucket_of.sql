-- The bucket in which all rows of one contact lie; the same as model/ids.rs to the bit.
-- Called by: every statement that meets a contact. Locks: none. Index: none. Inlined by the planner.
-- ids.rs folds h*31 + byte modulo 1,000,003 over the last eight bytes; this is the same polynomial, taken modulo once.
create or replace function waypost.bucket_of(tenant_id int, contact_id uuid) returns smallint
language sql immutable parallel safe
return ((
    ((tenant_id % 1000003)::bigint * 852891037441
      + get_byte(uuid_send(contact_id), 8) * 27512614111
      + get_byte(uuid_send(contact_id), 9) * 887503681::bigint
      + get_byte(uuid_send(contact_id), 10) * 28629151::bigint
      + get_byte(uuid_send(contact_id), 11) * 923521::bigint
      + get_byte(uuid_send(contact_id), 12) * 29791::bigint
      + get_byte(uuid_send(contact_id), 13) * 961::bigint
      + get_byte(uuid_send(contact_id), 14) * 31::bigint
      + get_byte(uuid_send(contact_id), 15)) % 1000003) % 1024)::smallint;
