-- The server's version, and the settings that decide what it can do.
-- used by: app/bench/ground.rs
-- locks:   none
-- index:   none
select current_setting('server_version'),
       (select jsonb_object_agg(s.name, current_setting(s.name))
          from pg_settings s
         where s.name in ('fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size',
                          'wal_compression', 'max_connections', 'autovacuum'))
