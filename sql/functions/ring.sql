-- The doorbell: NOTIFY only while a worker has armed it or the caller insists, since NOTIFY takes a lock
-- to the end of the commit; otherwise a hint that idle workers look at every 50 ms.
-- Called by: emit, enroll, operators' functions. Locks: none (the flag is read, not locked). Index: none.
create or replace function waypost.ring(p_force boolean) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
  if p_force or exists (select from waypost.doorbell d where d.armed_until > clock_timestamp()) then
    perform pg_catalog.pg_notify('waypost', '');
  else
    perform nextval('waypost.wake_hint');
  end if;
end
$$;
