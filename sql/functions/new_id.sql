-- A new time-ordered id (UUIDv7), so that the indexes on it stay local.
-- Called by: defaults of the reference CRM, emit, enroll. Locks: none. Index: none.
create or replace function waypost.new_id() returns uuid
language sql volatile parallel safe
return encode(
    set_bit(set_bit(
      overlay(uuid_send(gen_random_uuid())
        placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
      52, 1), 53, 1), 'hex')::uuid;
