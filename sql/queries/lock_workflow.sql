-- The workflow, locked against another deploy, with its latest and its published version.
-- used by: store/workflows.rs lock
-- locks:   the workflow's row
-- index:   workflows_slug_uq, versions_pk
select w.id, w.status, w.version, case when w.needs_ledger then greatest(w.keep_starts, w.limit_count, 1) else 0 end as keep,
       v.version as latest, v.checksum as latest_checksum,
       w.status = 'paused' as paused, array(select upper(r) from unnest(w.pauses) r) as pause_ends
  from waypost.workflows w
  left join lateral (select v.version, v.checksum from waypost.versions v
                      where v.workflow_id = w.id order by v.version desc limit 1) v on true
 where w.tenant_id = $1 and w.slug = $2
   for no key update of w
