-- Claims due executions tenant by tenant, beginning after tenant $4 and at most $5 of each: a tenant with a
-- million due rows takes its turn like any other. Lazy: it stops at $2 rows, or after $6 tenants; the last of so many has a
-- row of nulls where nothing is due, so that the caller knows how far it came (`turn`).
-- tenants: by the table of tenants. A loose scan over the executions finds those of who has any, but walks all dead rows of
--          a tenant, which a held snapshot keeps, to come to the next
-- used by: store/executions.rs claim_turns
-- locks:   runs rows, SKIP LOCKED
-- index:   tenants_pk; runs_turns within each; watermark $1 as in claim_due
select d.bucket, d.id, d.tenant_id, d.workflow_id, d.version, d.contact_id, d.key, d.status, d.priority,
       d.seq, d.enrolled_at, d.due_at, d.state, statement_timestamp() as now, d.place, t.id as turn, t.nth = $6 as last
  from (select t.id, row_number() over (order by t.id) as nth
          from waypost.tenants t where t.id > $4 order by t.id limit $6) t
  left join lateral (
   select r.bucket, r.id, r.tenant_id, r.workflow_id, r.version, r.contact_id, r.key, r.status, r.priority,
          r.seq, r.enrolled_at, r.due_at, r.state, r.ctid as place
     from waypost.runs r
    where r.tenant_id = t.id and t.id <> all ($3::int[])
      and r.due_at <= statement_timestamp() and r.due_at >= $1
    order by r.due_at
    limit $5
      for update skip locked) d on true
 where d.id is not null or t.nth = $6
 limit $2
