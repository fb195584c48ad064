-- Which of these workflows are paused, have pauses, or keep a ledger: what their published rules say of all that runs.
-- used by: store/rules.rs standings
-- locks:   none
-- index:   workflows_pk
select w.id, w.status = 'paused' as paused,
       array(select lower(r) from unnest(w.pauses) r) as pauses_from,
       array(select upper(r) from unnest(w.pauses) r) as pauses_until,
       case when w.needs_ledger then greatest(w.keep_starts, w.limit_count, 1) else 0 end as keep
  from waypost.workflows w
 where w.id = any ($1::int[]) and (w.status = 'paused' or w.needs_ledger or w.pauses is not null)
