-- The row of an enrolment, written bare.
-- used by: app/bench/cases/enroll.rs
-- locks:   the row it inserts
-- index:   runs_live_uq
insert into waypost.runs (bucket, id, tenant_id, workflow_id, version, contact_id, key, due_at, enrolled_at, state)
values ($1, $2, $3, 1, 1, $4, $5, $6, $6, $7)
