-- The doorbell: NOTIFY only while a worker has armed it or the caller insists, since NOTIFY takes a lock
-- to the end of the commit; otherwise a hint that idle workers look at every 50 ms.
-- p_for: which loops there is work for, `match`, `run`, `dispatch`, by blanks; empty: all.
-- Called by: emit, enroll, operators' functions. Locks: none (the flag is read, not locked). Index: none.
drop function if exists waypost.ring(boolean);
create or replace function waypost.ring(p_force boolean, p_for text default '') returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
  if p_force or exists (select from waypost.doorbell d where d.armed_until > clock_timestamp()) then
    perform pg_catalog.pg_notify('waypost', p_for);
  else
    perform nextval('waypost.wake_hint');
  end if;
end
$$;
