-- Deletes the executions of a workflow; while somebody holds a snapshot their rows stay, dead.
-- used by: app/bench/ground.rs
-- locks:   the rows
-- index:   none
delete from waypost.runs r
 using waypost.workflows w
 where w.id = r.workflow_id and r.tenant_id = $1 and w.slug = $2
