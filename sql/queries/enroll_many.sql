-- used by: store/intake.rs enroll
-- locks:   as waypost.enroll_batch
-- index:   runs_live_uq, enrollments_pk
select m.contact_id, m.execution_id, m.outcome, m.reason
  from waypost.enroll_many($1, $2, $3, $4::text[]::jsonb[], $5) m
