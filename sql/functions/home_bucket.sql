-- The bucket of a tenant's own rows that belong to no contact.
-- Called by: emit without a contact. Locks: none. Index: none.
-- needs: bucket_of
create or replace function waypost.home_bucket(tenant_id int) returns smallint
language sql immutable parallel safe
return waypost.bucket_of(tenant_id, '00000000-0000-0000-0000-000000000000'::uuid);
