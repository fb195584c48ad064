-- A page of executions, newest first, after a cursor (started_at, id).
-- used by: store/operate.rs list
-- locks:   none
-- index:   none that fits every filter: live rows and the days of ended ones are read
select x.id, w.slug as workflow, x.version, x.contact_id, x.key, x.status, x.reason, x.enrolled_at, x.finished_at,
       x.due_at, v.steps[x.node + 1] as step
  from (select r.id, r.workflow_id, r.version, r.contact_id, r.key, r.status, null::text as reason, r.enrolled_at,
               null::timestamptz as finished_at, r.due_at, r.node, r.tenant_id
          from waypost.runs r
        union all
        select f.id, f.workflow_id, f.version, f.contact_id, f.key, f.status, f.reason, f.enrolled_at,
               f.finished_at, null, f.node, f.tenant_id
          from waypost.finished f) x
  join waypost.workflows w on w.id = x.workflow_id
  left join waypost.versions v on v.workflow_id = x.workflow_id and v.version = x.version
 where x.tenant_id = waypost.current_tenant_id()
   and ($1::text is null or w.slug = $1)
   and ($2::smallint[] is null or x.status = any ($2))
   and ($3::uuid is null or x.contact_id = $3)
   and ($4::text is null or v.steps[x.node + 1] = $4)
   and ($5::timestamptz is null or (x.enrolled_at, x.id) < ($5, $6::uuid))
 order by x.enrolled_at desc, x.id desc
 limit $7
