-- used by: store/workflows.rs publish
-- locks:   the workflow's trigger_index rows
-- index:   none on workflow_id: a small reference table
delete from waypost.trigger_index x where x.workflow_id = $1
