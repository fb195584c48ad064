-- Interests of versions that are published no more and that no live execution runs on.
-- used by: store/workflows.rs publish
-- locks:   the rows it deletes
-- index:   none: interests are few; runs is read for those of older versions only
delete from waypost.interests i
 where i.workflow_id = $1 and i.version <> $2
   and not exists (select from waypost.runs r
                    where r.tenant_id = $3 and r.workflow_id = i.workflow_id and r.version = i.version)
