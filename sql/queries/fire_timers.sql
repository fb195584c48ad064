-- Timed triggers that are due become events, each occurrence once, whoever plans or fires it twice.
-- used by: store/timers.rs fire; $1 null: every tenant that has no clock of its own, else that tenant at time $2
-- locks:   timers rows, SKIP LOCKED
-- index:   timers_due, occurrences_pk
with due as materialized (
  select t.ctid as place, t.* from waypost.timers t
   where t.due_at <= coalesce($2, statement_timestamp())
     and case when $1::int is null then t.tenant_id <> all ($3::int[]) else t.tenant_id = $1 end
   order by t.due_at limit $4 for update skip locked),
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
