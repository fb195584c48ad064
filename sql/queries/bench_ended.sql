-- Ended executions of the tenant's only workflow and what they added to its figures, as so many commits of a thousand
-- would have; in the order of finished_pk, as far as one statement goes.
-- used by: app/bench/cases/stats.rs
-- locks:   none
-- index:   finished_pk
with made as materialized (
  select w.tenant_id, w.id as workflow_id, w.version, g, g % 1000 as batch, (g * 1024 / ($2::bigint + 1))::smallint as bucket,
         (4 + g % 4)::smallint as status, n.at - g % 90 * interval '1 minute' as enrolled_at, n.at as finished_at,
         case when g % 10 = 0 then '{1,7,2,8}' else '{1,2,2,8}' end::smallint[] as kinds
    from waypost.workflows w, (select clock_timestamp() as at) n, generate_series(1, $2::bigint) g
   where w.tenant_id = $1),
counted as (
  insert into waypost.workflow_changes
         (tenant_id, workflow_id, completed, exited, cancelled, failed, goals, completion_time)
  select m.tenant_id, m.workflow_id, count(*) filter (where m.status = 4), count(*) filter (where m.status = 5),
         count(*) filter (where m.status = 6), count(*) filter (where m.status = 7),
         count(*) filter (where 7 = any(m.kinds)),
         coalesce(sum(m.finished_at - m.enrolled_at) filter (where m.status = 4), '0')
    from made m
   group by m.tenant_id, m.workflow_id, m.batch)
insert into waypost.finished
       (bucket, id, tenant_id, workflow_id, version, contact_id, key, status, reason, priority, seq, node, enrolled_at,
        finished_at, state, burst_seq, steps, kinds)
select m.bucket, gen_random_uuid(), m.tenant_id, m.workflow_id, m.version, gen_random_uuid(), m.g::text, m.status, null, 0, 4, 0, m.enrolled_at, m.finished_at, '{}',
       0, '{0,0,1,-1}', m.kinds
  from made m
