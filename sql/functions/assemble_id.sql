-- A UUIDv8 of 48 bits of time, 10 of bucket and the first 64 of a hash; the same as model/ids.rs to the bit.
-- Called by: derive_id, outbox_id, enroll_batch. Locks: none. Index: none. Inlined by the planner.
create or replace function waypost.assemble_id(millis bigint, bucket smallint, hash bytea) returns uuid
language sql immutable parallel safe
return (lpad(to_hex(greatest(millis, 0) & 281474976710655), 12, '0')
    || to_hex(32768 | ((bucket::int & 1023) << 2) | (get_byte(hash, 0) >> 6))
    || encode(set_byte(substring(hash, 1, 8), 0, 128 | (get_byte(hash, 0) & 63)), 'hex'))::uuid;
