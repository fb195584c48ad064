-- Enrols a set of contacts, as a bulk enrolment would.
-- used by: app/bench/ground.rs
-- locks:   live keys
-- index:   runs_live_uq
select count(*) from waypost.enroll_many($1, $2::uuid[], tenant => $3)
