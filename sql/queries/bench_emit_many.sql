-- An event of each of these contacts.
-- used by: app/bench/cases/events.rs
-- locks:   none
-- index:   none
select count(*)
  from waypost.emit_batch($1, array_fill('custom.event'::text, array[cardinality($2::uuid[])]), $2::uuid[],
                          array_fill('{"name": "bench"}'::jsonb, array[cardinality($2::uuid[])]))
