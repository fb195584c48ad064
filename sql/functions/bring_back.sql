-- Makes an ended execution live again, ready and due, and returns it; its row leaves the cold table.
-- Called by: move, retry, with their scope set. Locks: the row in finished, the live key. Index: finished_pk, runs_live_uq.
-- needs: bucket_in, refused_at_start
create or replace function waypost.bring_back(p_tenant int, p_id uuid, p_now timestamptz) returns waypost.runs
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_run waypost.runs;
begin
  with gone as (
    delete from waypost.finished f
    where f.bucket = waypost.bucket_in(p_id) and f.id = p_id and f.tenant_id = p_tenant
    returning f.*),
  kept as (                                 -- its last burst is history of a live execution again
    insert into waypost.bursts (bucket, execution_id, seq, tenant_id, workflow_id, at, steps, kinds, results)
    select g.bucket, g.id, g.burst_seq, g.tenant_id, g.workflow_id, g.finished_at, g.steps, g.kinds, g.results
    from gone g where g.burst_seq is not null),
  counted as (                              -- it has not ended any more
    insert into waypost.workflow_changes (tenant_id, workflow_id, completed, exited, cancelled, failed, completion_time)
    select g.tenant_id, g.workflow_id, -(g.status = 4)::int, -(g.status = 5)::int, -(g.status = 6)::int,
           -(g.status = 7)::int, case when g.status = 4 then g.enrolled_at - g.finished_at else '0' end
    from gone g where not waypost.refused_at_start(g.reason))
  insert into waypost.runs
    (bucket, id, tenant_id, workflow_id, version, contact_id, key, status, priority, seq, node, due_at, enrolled_at, state)
  select g.bucket, g.id, g.tenant_id, g.workflow_id, g.version, g.contact_id, g.key, 0, g.priority, g.seq, g.node, p_now,
         g.enrolled_at, g.state
  from gone g
  order by g.finished_at desc limit 1
  returning * into v_run;
  return v_run;
exception when unique_violation then
  raise exception using errcode = 'WP016', message = 'key_in_use: another live execution holds the key',
    detail = format('execution %s', p_id),
    hint = 'Cancel the other one, or wait until it has ended.';
end
$$;
