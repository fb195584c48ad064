-- Databases of an interrupted bench: older than the name given, and nobody is connected.
-- used by: app/bench/ground.rs
-- locks:   none
-- index:   none
select d.datname::text
  from pg_database d
 where starts_with(d.datname::text, $1)
   and d.datname::text < $2
   and not exists (select from pg_stat_activity a where a.datid = d.oid)
