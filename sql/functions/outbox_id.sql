-- The id of an outbox row: the execution's own time and bucket, and its visit; the same as model/ids.rs to the bit.
-- Called by: operators' functions and tests (workers compute it themselves). Locks: none. Index: none.
-- needs: assemble_id, bucket_in
create or replace function waypost.outbox_id(execution uuid, seq int) returns uuid
language sql immutable parallel safe
return waypost.assemble_id(
    ('x' || encode(substring(uuid_send(execution), 1, 6), 'hex'))::bit(48)::bigint,
    waypost.bucket_in(execution),
    sha256(uuid_send(execution) || int4send(seq)));
