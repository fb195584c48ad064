-- Enrols what the matcher found; the rules are in the function.
-- used by: store/enroll.rs
-- locks:   ledger rows, live keys
-- index:   runs_live_uq, enrollments_pk
select ord, execution_id, outcome, reason, detail, version, key, priority
  from waypost.enroll_batch($1, $2::int[], $3::uuid[], $4::text[], $5::uuid[], $6::timestamptz[], $7::jsonb[],
                            $8::int[], $9::int[], $10, $11::int[], $12::int[], $13::text[], $14::int[])
