-- Manual reviews that are open
-- Called by: people, `waypost.review`'s callers. Index: none, it reads live executions whole; bursts_pk.
-- needs: from_millis
create or replace view waypost.reviews with (security_invoker = true) as
select t.name as tenant, w.slug as workflow, r.version, r.id as execution_id, r.contact_id,
       v.steps[coalesce((b.value ->> 'n')::int, 0) + 1] as step_id, d.result ->> 'instructions' as instructions,
       d.result ->> 'assignee' as assignee, waypost.from_millis(b.value -> 'p' -> 'a') as since,
       waypost.from_millis(b.value -> 'p' -> 'm') as times_out_at
from waypost.runs r
join waypost.tenants t on t.id = r.tenant_id
join waypost.workflows w on w.id = r.workflow_id
join waypost.versions v on v.workflow_id = r.workflow_id and v.version = r.version
cross join lateral jsonb_array_elements(coalesce(r.state -> 'b', '[]')) b
left join lateral (
  select h.results -> ((b.value -> 'p' ->> 's')::int - h.seq) as result
  from waypost.bursts h
  where h.bucket = r.bucket and h.execution_id = r.id and h.seq <= (b.value -> 'p' ->> 's')::int
  order by h.seq desc limit 1) d on true
where b.value -> 'p' ->> 'k' = 'v';
comment on view waypost.reviews is 'Manual reviews that are open';
comment on column waypost.reviews.tenant is 'Name of the tenant it belongs to';
comment on column waypost.reviews.workflow is 'Id of the workflow, as in its definition';
comment on column waypost.reviews.version is 'The version that the execution follows';
comment on column waypost.reviews.execution_id is 'The execution that waits: what waypost.review takes';
comment on column waypost.reviews.contact_id is 'Whose execution it is';
comment on column waypost.reviews.step_id is 'The step that asks';
comment on column waypost.reviews.instructions is 'What is to be decided, filled in for this contact';
comment on column waypost.reviews.assignee is 'Who is to decide, where the step says so';
comment on column waypost.reviews.since is 'Since when it is open';
comment on column waypost.reviews.times_out_at is 'When it goes on without a decision; null: never';
