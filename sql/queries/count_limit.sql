-- used by: store/limits.rs count
-- locks:   the limit's row, held already
-- index:   workflow_limits_pk
insert into waypost.workflow_limits as l (bucket, tenant_id, workflow_id, used)
values ($1, $2, $3, $4::int)
    on conflict on constraint workflow_limits_pk do update set used = l.used + excluded.used
