-- WAL written and transactions begun so far, and the settings that matter to both.
-- used by: app/bench.rs
-- locks:   none
-- index:   none
select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::float8,
       (pg_snapshot_xmax(pg_current_snapshot())::text)::float8,
       current_setting('server_version'),
       (select jsonb_object_agg(s.name, coalesce(s.setting, '') || coalesce(s.unit, ''))
          from pg_settings s
         where s.name in ('fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size',
                          'wal_compression', 'max_connections'))
