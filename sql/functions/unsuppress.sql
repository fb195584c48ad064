-- Takes somebody off a suppression list, or off all of them (list => null); returns from how many.
-- Called by: applications, `waypost suppressions remove`. Locks: the entries. Index: suppressed_pk.
-- needs: current_tenant, enter, require_tenant, home_bucket, suppression_value, suppression_kind
create or replace function waypost.unsuppress(
  value   text,
  kind    text default null,
  list    text default 'global',
  tenant  text default waypost.current_tenant()
) returns int
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant  int := waypost.require_tenant(unsuppress.tenant);
  v_scope   text := waypost.enter(v_tenant::text);
  v_kind    text := coalesce(unsuppress.kind, waypost.suppression_kind(unsuppress.value));
  v_gone    int;
begin
  delete from waypost.suppressed s
  where s.bucket = waypost.home_bucket(v_tenant) and s.tenant_id = v_tenant and s.kind = v_kind
    and s.value = waypost.suppression_value(v_kind, unsuppress.value)
    and (unsuppress.list is null or s.list = unsuppress.list);
  get diagnostics v_gone = row_count;
  perform waypost.enter(v_scope);
  return v_gone;
end
$$;
