-- Workflows of a tenant with what they have: versions, live executions.
-- used by: store/versions.rs list
-- locks:   none
-- index:   workflows_slug_uq, versions_pk; live executions are read whole
select w.id, w.slug, w.name, w.status, w.version, v.latest, coalesce(r.live, 0), coalesce(r.older, 0), w.priority,
       w.starts_at, w.ends_at, w.updated_at
  from waypost.workflows w
  left join lateral (select max(v.version) as latest from waypost.versions v where v.workflow_id = w.id) v on true
  left join (select r.workflow_id, count(*) as live, count(*) filter (where r.version <> p.version) as older
               from waypost.runs r join waypost.workflows p on p.id = r.workflow_id
              where r.tenant_id = $1 and ($2::text is null or p.slug = $2)
              group by r.workflow_id) r on r.workflow_id = w.id
 where w.tenant_id = $1 and ($2::text is null or w.slug = $2)
 order by w.slug
