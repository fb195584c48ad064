-- used by: store/workflows.rs publish
-- locks:   the rows it inserts
-- index:   interests_pk
insert into waypost.interests (tenant_id, event_type, field, workflow_id, version)
select $1, u.t, u.f, $2, $3 from unnest($4::text[], $5::text[]) u(t, f)
on conflict on constraint interests_pk do nothing
