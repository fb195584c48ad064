-- A derived id from Unix milliseconds, a bucket and the parts that it stands for; the same as model/ids.rs to the bit.
-- Called by: enrolment, events with a dedupe key, timers. Locks: none. Index: none.
-- needs: assemble_id
create or replace function waypost.derive_id(millis bigint, bucket smallint, variadic parts text[]) returns uuid
language sql immutable parallel safe
return waypost.assemble_id(millis, bucket, sha256(convert_to(array_to_string(parts, E'\x1f'), 'UTF8')));
