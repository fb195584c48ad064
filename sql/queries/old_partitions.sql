-- The days that are older than a kind of history is kept: the events by their own limit, what executions left by
-- another. The oldest of each table first; a limit of null keeps for ever.
-- used by: store/partitions.rs
-- locks:   none
-- index:   none, the catalog alone
select c.relname::text
  from pg_catalog.pg_inherits i
  join pg_catalog.pg_class c on c.oid = i.inhrelid
  join pg_catalog.pg_class t on t.oid = i.inhparent
 where c.relnamespace = 'waypost'::regnamespace and c.relkind = 'r' and c.relname ~ '_[0-9]{8}(_kept)?$'
   and to_date(substring(c.relname from '_([0-9]{8})(?:_kept)?$'), 'YYYYMMDD')
       < (clock_timestamp() at time zone 'UTC')::date - case when t.relname = 'events' then $2::int else $1::int end
 order by c.relname
