-- Refusals by entry conditions, found by the first burst.
-- used by: store/commit.rs
-- locks:   none
-- index:   blocks_pk
insert into waypost.blocks (bucket, id, tenant_id, workflow_id, contact_id, at, reason, detail, source_id)
select b, i, t, w, c, a, r, d::jsonb, i
  from unnest($1::smallint[], $2::uuid[], $3::int[], $4::int[], $5::uuid[], $6::timestamptz[], $7::text[], $8::text[])
       y(b, i, t, w, c, a, r, d)
