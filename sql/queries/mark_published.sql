-- used by: store/workflows.rs publish
-- locks:   the version's row
-- index:   versions_pk
update waypost.versions v set published_at = $3
 where v.workflow_id = $1 and v.version = $2 and v.published_at is null
