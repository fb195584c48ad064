-- An enrolment of the bench, as a program would write it.
-- used by: app/bench/cases/latency.rs
-- locks:   live keys
-- index:   runs_live_uq
select outcome from waypost.enroll($3, $1, tenant => $2)
