-- Makes the day partitions of today and the days ahead, for each table that is partitioned by time, or one of them.
-- Called by: migrate; the janitor, one table a transaction: readers of several tables would deadlock with it otherwise.
-- Locks: the table and its default partition (ACCESS EXCLUSIVE), until the transaction ends. Index: none.
-- Days whose rows lie in the default partition already are left there.
-- needs: secure
drop function if exists waypost.ensure_partitions(int);
create or replace function waypost.ensure_partitions(days_ahead int, only_table text default null) returns int
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_parent  text;
  v_column  text;
  v_day     date;
  v_name    text;
  v_made    int := 0;
  v_full    boolean;
  v_scope   text := waypost.enter('*');
begin
  perform pg_catalog.pg_advisory_xact_lock(x'77617970'::int, 1);
  for v_parent, v_column in
    select c.relname, a.attname
    from pg_catalog.pg_partitioned_table p
    join pg_catalog.pg_class c on c.oid = p.partrelid
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = p.partattrs[0]
    where c.relnamespace = 'waypost'::regnamespace and (only_table is null or c.relname = only_table)
    order by c.relname
  loop
    for i in 0 .. days_ahead loop
      v_day := (clock_timestamp() at time zone 'UTC')::date + i;
      v_name := format('%s_%s', v_parent, to_char(v_day, 'YYYYMMDD'));
      if to_regclass('waypost.' || v_name) is not null then
        continue;
      end if;
      execute format('select exists (select from waypost.%I where %I >= %L and %I < %L)', v_parent || '_default',
                     v_column, v_day::text || ' 00:00+00', v_column, (v_day + 1)::text || ' 00:00+00') into v_full;
      if v_full then
        continue;
      end if;
      execute format('create table waypost.%I partition of waypost.%I for values from (%L) to (%L)', v_name, v_parent,
                     v_day::text || ' 00:00+00', (v_day + 1)::text || ' 00:00+00');
      v_made := v_made + 1;
    end loop;
  end loop;
  if v_made > 0 then
    perform waypost.secure();
  end if;
  perform waypost.enter(v_scope);
  return v_made;
end
$$;
