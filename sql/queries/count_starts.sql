-- Starts of one commit, for the window to forget them together.
-- used by: store/limits.rs count
-- locks:   the row it writes; the limit's row is held
-- index:   workflow_starts_pk
insert into waypost.workflow_starts as s (bucket, tenant_id, workflow_id, at, starts)
values ($1, $2, $3, $4, $5)
    on conflict on constraint workflow_starts_pk do update set starts = s.starts + excluded.starts
