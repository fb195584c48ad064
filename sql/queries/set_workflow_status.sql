-- Pauses, resumes or archives a workflow.
-- used by: store/versions.rs set_status
-- locks:   the workflow's row, held already
-- index:   workflows_pk
update waypost.workflows w set status = $3, updated_at = $4 where w.tenant_id = $1 and w.id = $2
