-- WAL written and transactions begun so far.
-- used by: app/bench/ground.rs
-- locks:   none
-- index:   none
select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::float8,
       (pg_snapshot_xmax(pg_current_snapshot())::text)::float8
