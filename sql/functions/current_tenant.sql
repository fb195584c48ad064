-- The tenant that a session speaks for: the setting waypost.tenant, else `default`.
-- Called by: the last argument of every public function, defaults of the reference CRM. Locks: none. Index: none.
create or replace function waypost.current_tenant() returns text
language sql stable parallel safe
return coalesce(nullif(current_setting('waypost.tenant', true), ''), 'default');
