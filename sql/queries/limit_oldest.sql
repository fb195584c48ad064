-- The first start that counts towards a limit.
-- used by: store/limits.rs take
-- locks:   none
-- index:   workflow_starts_pk
select min(s.at) from waypost.workflow_starts s where s.bucket = $1 and s.tenant_id = $2 and s.workflow_id = $3
