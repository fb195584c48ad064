-- used by: store/intake.rs emit
-- locks:   event_keys rows, with dedupe keys
-- index:   event_keys_pk
select e from waypost.emit_batch(waypost.current_tenant(), $1, $2, $3::text[]::jsonb[], $4, $5, $6, 'cli') e
