-- One contact into one workflow, in the caller's transaction: rolled back with it, never lost once it commits.
-- Outcome `enrolled`, `duplicate` (a live execution holds the key: its id) or `blocked` with the reason.
-- Called by: applications, in SQL. Locks, index: as enroll_batch. Never raises unless strict.
-- plpgsql, since that plans its statement once a session; a function in SQL plans at every call.
-- needs: current_tenant, enroll_many
create or replace function waypost.enroll(
  workflow    text,
  contact_id  uuid,
  key         text default null,
  data        jsonb default '{}',
  priority    int default null,
  strict      boolean default false,
  wake        boolean default false,
  tenant      text default waypost.current_tenant(),
  out execution_id  uuid,
  out outcome       text,
  out reason        text
)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  v_done record;
begin
  select m.* into v_done
  from waypost.enroll_many(workflow, array[contact_id], array[key], array[data], priority, strict, wake, tenant) m;
  execution_id := v_done.execution_id;
  outcome := v_done.outcome;
  reason := v_done.reason;
end
$$;
