-- An execution starts once, and no goal of it is achieved twice.
-- used by: app/verify.rs
-- locks:   none
-- index:   bursts_pk
select count(*)
  from (select 1
          from waypost.bursts b, unnest(b.steps, b.kinds) u(step, kind)
         where ($1::int is null or b.tenant_id = $1) and u.kind in (1, 7)
         group by b.bucket, b.execution_id, u.kind, u.step
        having count(*) > 1) twice
