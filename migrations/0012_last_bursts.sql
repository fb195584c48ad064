-- The last burst of an execution rides in its finished row: one row and one index entry less for every execution
-- (docs/performance.md). Null where the row was written apart, by an older binary or by waypost.cancel.
-- waypost.all_bursts shows both as one table.
alter table waypost.finished
  add column burst_seq int,               -- of its first entry
  add column steps     int[],
  add column kinds     smallint[],
  add column results   jsonb;
