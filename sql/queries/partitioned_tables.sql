-- The tables that are partitioned by time.
-- used by: store/partitions.rs
-- locks:   none
-- index:   none
select c.relname::text
  from pg_catalog.pg_partitioned_table p join pg_catalog.pg_class c on c.oid = p.partrelid
 where c.relnamespace = 'waypost'::regnamespace
 order by c.relname
