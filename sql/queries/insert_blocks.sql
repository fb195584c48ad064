-- Refusals that the first burst, or the rendering of a key, has found; $9 is what was refused.
-- used by: store/commit.rs, store/enroll.rs
-- locks:   none
-- index:   blocks_pk
insert into waypost.blocks (bucket, id, tenant_id, workflow_id, contact_id, at, reason, detail, source_id)
select b, i, t, w, c, a, r, d::jsonb, s
  from unnest($1::smallint[], $2::uuid[], $3::int[], $4::int[], $5::uuid[], $6::timestamptz[], $7::text[], $8::text[],
              $9::uuid[])
       y(b, i, t, w, c, a, r, d, s)
