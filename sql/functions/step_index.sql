-- A step's index within a version, or an error that names the nearest ids.
-- Called by: move, retry, with their scope set. Locks: none. Index: versions_pk.
create or replace function waypost.step_index(p_workflow int, p_version int, p_step text) returns int
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  v_steps text[] := (select v.steps from waypost.versions v where v.workflow_id = p_workflow and v.version = p_version);
begin
  if p_step = any(v_steps) then
    return array_position(v_steps, p_step) - 1;
  end if;
  raise exception using errcode = 'WP014', message = format('there is no step "%s" in version %s', p_step, p_version),
    hint = 'Its steps: ' || array_to_string(v_steps[1:20], ', ') || '.';
end
$$;
