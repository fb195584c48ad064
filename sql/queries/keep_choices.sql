-- Keeps what sticky splits have chosen; a variant that is gone gives way to the new one.
-- used by: store/choices.rs; one row for each choice of the batch, in key order
-- locks:   choices rows
-- index:   choices_pk
insert into waypost.choices as k (bucket, tenant_id, contact_id, workflow_id, step, variant, chosen_at)
select b, t, c, w, s, v, a
  from unnest($1::smallint[], $2::int[], $3::uuid[], $4::int[], $5::text[], $6::text[], $7::timestamptz[]) y(b, t, c, w, s, v, a)
    on conflict on constraint choices_pk do update
   set variant = excluded.variant, chosen_at = excluded.chosen_at
