-- The bucket that a derived id carries: an id alone finds its row.
-- Called by: everything that is given an execution's id. Locks: none. Index: none.
create or replace function waypost.bucket_in(id uuid) returns smallint
language sql immutable parallel safe
return (((get_byte(uuid_send(id), 6) & 15) << 6) | (get_byte(uuid_send(id), 7) >> 2))::smallint;
