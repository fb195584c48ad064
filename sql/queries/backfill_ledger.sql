-- A rule that reads past starts was published: the ledger is filled from the executions there are.
-- used by: store/rules.rs publish
-- locks:   the ledger rows it writes
-- index:   none: executions of the workflow are read whole, once
insert into waypost.enrollments (bucket, tenant_id, contact_id, workflow_id, starts)
select s.bucket, s.tenant_id, s.contact_id, s.workflow_id, array_agg(s.at order by s.at)
  from (select x.bucket, x.tenant_id, x.contact_id, x.workflow_id, x.at,
               row_number() over (partition by x.bucket, x.contact_id order by x.at desc) as n
          from (select r.bucket, r.tenant_id, r.contact_id, r.workflow_id, r.enrolled_at as at
                  from waypost.runs r
                 where r.tenant_id = $1 and r.workflow_id = $2 and r.state ? 's'
                union all
                select f.bucket, f.tenant_id, f.contact_id, f.workflow_id, f.enrolled_at
                  from waypost.finished f
                 where f.tenant_id = $1 and f.workflow_id = $2 and not waypost.refused_at_start(f.reason)) x) s
 where s.n <= $3
 group by s.bucket, s.tenant_id, s.contact_id, s.workflow_id
 order by s.bucket, s.contact_id
on conflict on constraint enrollments_pk do update set starts = excluded.starts
