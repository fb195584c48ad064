-- The live execution with this id, locked, or an error that says why there is none.
-- Called by: operators' functions, with their scope set. Locks: the execution. Index: runs_pk, finished_pk.
-- needs: bucket_in, status_name
create or replace function waypost.lock_live(p_tenant int, p_id uuid) returns waypost.runs
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  v_run     waypost.runs;
  v_status  smallint;
begin
  select r.* into v_run from waypost.runs r
  where r.bucket = waypost.bucket_in(p_id) and r.id = p_id and r.tenant_id = p_tenant
  for update;
  if found then
    return v_run;
  end if;
  select f.status into v_status from waypost.finished f
  where f.bucket = waypost.bucket_in(p_id) and f.id = p_id and f.tenant_id = p_tenant
  order by f.finished_at desc limit 1;
  if v_status is null then
    raise exception using errcode = 'WP010', message = format('there is no execution %s', p_id),
      hint = 'waypost.executions lists them; it may belong to another tenant.';
  end if;
  raise exception using errcode = 'WP011', message = format('execution %s has ended (%s)', p_id, waypost.status_name(v_status)),
    hint = 'A live execution is needed; waypost.retry and waypost.move bring an ended one back.';
end
$$;
