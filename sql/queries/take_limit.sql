-- The limit of a workflow, for a first burst; null with `there`: another burst, or a publication, has it.
-- used by: store/limits.rs take
-- locks:   the limit's row, SKIP LOCKED
-- index:   workflow_limits_pk
with taken as (
  select l.used from waypost.workflow_limits l where l.bucket = $1 and l.tenant_id = $2 and l.workflow_id = $3
     for update skip locked)
select (select used from taken) as used,
       exists (select from waypost.workflow_limits l
                where l.bucket = $1 and l.tenant_id = $2 and l.workflow_id = $3) as there
