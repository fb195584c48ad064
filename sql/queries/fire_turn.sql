-- The same for the tenants $1 whose turn it is, at most $2 timers of each.
-- used by: store/timers.rs fire_turn
-- locks:   timers rows, SKIP LOCKED
-- index:   timers_turns, occurrences_pk
with due as materialized (
  select d.* from unnest($1::int[]) x(tenant_id)
   cross join lateral (
    select t.ctid as place, t.* from waypost.timers t
     where t.tenant_id = x.tenant_id and t.due_at <= statement_timestamp()
     order by t.due_at limit $2 for update skip locked) d),
gone as (delete from waypost.timers t where t.ctid = any (array(select place from due)) returning t.id),
fresh as (
  insert into waypost.occurrences (bucket, tenant_id, occurrence_key, event_id)
  select bucket, tenant_id, occurrence_key, id from due
      on conflict on constraint occurrences_pk do nothing
  returning event_id),
fired as (
  insert into waypost.event_queue
         (bucket, recorded_at, id, tenant_id, contact_id, type, occurred_at, data, trigger, source)
  select d.bucket, clock_timestamp(), d.id, d.tenant_id, d.contact_id, d.event_type, d.due_at, d.data,
         jsonb_build_object('workflow', d.workflow_id, 'trigger', d.trigger_id), 'timer'
    from due d join fresh f on f.event_id = d.id
  returning 1)
select (select count(*) from due) as due, (select count(*) from fired) as fired, (select count(*) from gone) as gone
