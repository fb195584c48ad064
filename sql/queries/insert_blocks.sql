-- Refusals that the first burst, or the rendering of a key, has found; $9 is what was refused.
-- They are added to the figures of their workflows.
-- used by: store/commit.rs, store/enroll.rs
-- locks:   none
-- index:   blocks_pk
with refused as (
  insert into waypost.blocks (bucket, id, tenant_id, workflow_id, contact_id, at, reason, detail, source_id)
  select b, i, t, w, c, a, r, d::jsonb, s
    from unnest($1::smallint[], $2::uuid[], $3::int[], $4::int[], $5::uuid[], $6::timestamptz[], $7::text[], $8::text[],
                $9::uuid[])
         y(b, i, t, w, c, a, r, d, s)
  returning tenant_id, workflow_id, reason)
insert into waypost.workflow_changes (tenant_id, workflow_id, blocked)
select r.tenant_id, r.workflow_id, count(*) from refused r where r.reason <> 'duplicate' group by 1, 2
