-- Claims due executions tenant by tenant, beginning after tenant $4 and at most $5 of each: a tenant with a
-- million due rows takes its turn like any other. Lazy: it stops at $2 rows, or after $6 tenants; a tenant with
-- nothing due has a row of nulls, so that the caller knows how far it came (`turn`).
-- used by: store/executions.rs claim_turns
-- locks:   runs rows, SKIP LOCKED
-- index:   runs_turns, as a loose scan over tenants, then within each; watermark $1 as in claim_due, for the scan over
--          tenants too: else each turn walks what the first tenant had before
with recursive turn (tenant_id, nth) as (
  (select r.tenant_id, 1 from waypost.runs r
    where r.due_at >= $1 and r.tenant_id > $4 order by r.tenant_id limit 1)
   union all
  select (select r.tenant_id from waypost.runs r
           where r.due_at >= $1 and r.tenant_id > t.tenant_id order by r.tenant_id limit 1), t.nth + 1
    from turn t
   where t.tenant_id is not null and t.nth < $6)
select d.*, statement_timestamp() as now, t.tenant_id as turn, t.nth = $6 as last
  from turn t
  left join lateral (
   select r.bucket, r.id, r.tenant_id, r.workflow_id, r.version, r.contact_id, r.key, r.status, r.priority,
          r.seq, r.enrolled_at, r.due_at, r.state
     from waypost.runs r
    where r.tenant_id = t.tenant_id and t.tenant_id <> all ($3::int[])
      and r.due_at <= statement_timestamp() and r.due_at >= $1
    order by r.due_at
    limit $5
      for update skip locked) d on true
 where t.tenant_id is not null
 limit $2
