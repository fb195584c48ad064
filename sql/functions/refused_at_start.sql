-- Whether an execution ended for this reason because its first burst refused the enrolment: then it was no start.
-- model/refusal.rs says the same. Called by: views, the ledger's back-fill. Locks: none. Index: none.
create or replace function waypost.refused_at_start(p_reason text) returns boolean
language sql immutable parallel safe
return coalesce(p_reason in ('entry_conditions', 'workflow_limit'), false);
