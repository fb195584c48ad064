-- Rows of the hot tables that nobody sees any more, and rows that live, as the statistics have them; of those tables
-- alone that this login may vacuum.
-- used by: store/dead_rows.rs
-- locks:   none
-- index:   catalog
select c.relname::text, pg_catalog.pg_stat_get_dead_tuples(c.oid) as dead, pg_catalog.pg_stat_get_live_tuples(c.oid) as live
  from pg_catalog.pg_class c
 where c.oid in ('waypost.runs'::regclass, 'waypost.sends'::regclass, 'waypost.event_queue'::regclass,
                 'waypost.timers'::regclass, 'waypost.wakes'::regclass)
   and pg_catalog.pg_has_role(c.relowner, 'usage')
