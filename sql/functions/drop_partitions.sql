-- Drops the day partitions that end at or before an instant: retention. Cold data is dropped, never deleted.
-- Called by: the janitor. Locks: ACCESS EXCLUSIVE on parent and partition, briefly. Index: none.
create or replace function waypost.drop_partitions(before timestamptz) returns int
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_name     text;
  v_dropped  int := 0;
begin
  perform pg_catalog.pg_advisory_xact_lock(x'77617970'::int, 1);
  for v_name in
    select c.relname
    from pg_catalog.pg_inherits i
    join pg_catalog.pg_class c on c.oid = i.inhrelid
    where c.relnamespace = 'waypost'::regnamespace and c.relkind = 'r' and c.relname ~ '_[0-9]{8}$'
      and (to_date(right(c.relname, 8), 'YYYYMMDD') + 1)::timestamp at time zone 'UTC' <= drop_partitions.before
    order by c.relname
  loop
    execute format('drop table waypost.%I', v_name);
    v_dropped := v_dropped + 1;
  end loop;
  return v_dropped;
end
$$;
