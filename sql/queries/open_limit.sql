-- The row of a workflow's limit, made or locked; true: what it counts is not of this window.
-- used by: store/rules.rs publish
-- locks:   the limit's row
-- index:   workflow_limits_pk
insert into waypost.workflow_limits as l (bucket, tenant_id, workflow_id, used, limit_amount, limit_unit)
values (waypost.home_bucket($1), $1, $2, -1, $3, $4)
    on conflict on constraint workflow_limits_pk do update
   set used = case when (l.limit_amount, l.limit_unit) is distinct from (excluded.limit_amount, excluded.limit_unit)
                   then -1 else l.used end,
       limit_amount = excluded.limit_amount, limit_unit = excluded.limit_unit
returning l.used < 0
