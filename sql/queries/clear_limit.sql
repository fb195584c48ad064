-- What a limit counted for another window.
-- used by: store/rules.rs publish
-- locks:   the rows it deletes; the limit's row is held
-- index:   workflow_starts_pk
delete from waypost.workflow_starts s
 where s.bucket = waypost.home_bucket($1) and s.tenant_id = $1 and s.workflow_id = $2
