-- Drops the day partitions that end at or before an instant, oldest first, but for what is still needed
-- (waypost.drop_partition); returns how many went. Cold data is dropped, never deleted. Days that somebody reads stay.
-- Called by: operators who want it now. Locks: as drop_partition, until the transaction ends. Index: none.
-- needs: drop_partition
create or replace function waypost.drop_partitions(before timestamptz) returns int
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  select count(*)::int
  from (select c.relname::text as name
        from pg_catalog.pg_inherits i
        join pg_catalog.pg_class c on c.oid = i.inhrelid
        where c.relnamespace = 'waypost'::regnamespace and c.relkind = 'r' and c.relname ~ '_[0-9]{8}(_kept)?$'
          and (to_date(substring(c.relname from '_([0-9]{8})(?:_kept)?$'), 'YYYYMMDD') + 1)::timestamp at time zone 'UTC'
              <= drop_partitions.before
        order by c.relname offset 0) d
  where waypost.drop_partition(d.name) in ('dropped', 'thinned')
$$;
