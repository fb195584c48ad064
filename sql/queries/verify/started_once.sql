-- An execution starts once, and no goal of it is achieved twice.
-- used by: app/verify.rs
-- locks:   none
-- index:   bursts_pk
select count(*)
  from (select 1
          from waypost.all_bursts b, unnest(b.steps, b.kinds) u(step, kind)
         where ($1::int is null or b.tenant_id = $1) and u.kind in (1, 7)
         -- A goal's number belongs to a version: what was achieved before a move to another one counts apart.
         group by b.bucket, b.execution_id, u.kind, u.step,
                  (select count(*) from waypost.moved_runs m
                    where m.bucket = b.bucket and m.execution_id = b.execution_id and m.before_seq <= b.seq)
        having count(*) > 1) twice
