-- Copies the row of a workflow's only execution, each for a contact that nobody looks at: spread over the month after
-- its own time, or due in the past, where they are to be dead rows.
-- used by: app/bench/ground.rs
-- locks:   the rows it inserts
-- index:   runs_live_uq
with one as materialized (
  select r.*
    from waypost.runs r join waypost.workflows w on w.id = r.workflow_id
   where r.tenant_id = $1 and w.slug = $2
   limit 1)
insert into waypost.runs (bucket, id, tenant_id, workflow_id, version, contact_id, key, status, priority, seq, node, due_at,
                          enrolled_at, state)
select waypost.bucket_of($1, c.id),
       waypost.assemble_id(waypost.millis(o.enrolled_at), waypost.bucket_of($1, c.id), uuid_send(gen_random_uuid())),
       o.tenant_id, o.workflow_id, o.version, c.id, c.id::text, o.status, o.priority, o.seq, o.node,
       case when $4 then o.enrolled_at - random() * interval '1 minute' else o.due_at + random() * interval '30 days' end,
       o.enrolled_at, o.state
  from one o cross join lateral (select gen_random_uuid() as id from generate_series(1, $3::bigint) g where o.id is not null) c
