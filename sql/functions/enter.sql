-- Sets the tenant (its number, or * for every one) that the owner's row security lets through, and returns the one before.
-- A security definer function enters before it touches a table and puts back what was there when it ends; what a caller
-- has set himself is therefore never used. Local to the transaction.
-- Called by: security definer functions only. Locks: none. Index: none.
create or replace function waypost.enter(p_scope text) returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  v_before text := coalesce(current_setting('waypost.scope', true), '');
begin
  perform set_config('waypost.scope', coalesce(p_scope, ''), true);
  return v_before;
end
$$;
