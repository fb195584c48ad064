-- Executions whose end a step waits for, in the transaction that enrols them. outputs: a JSON list each.
-- used by: store/others.rs
-- locks:   the rows it inserts
-- index:   awaited_pk
insert into waypost.awaited (bucket, child_id, tenant_id, parent_id, seq, workflow, outputs, at)
select b, c, t, p, s, w, array(select jsonb_array_elements_text(o::jsonb)), $8
  from unnest($1::smallint[], $2::uuid[], $3::int[], $4::uuid[], $5::int[], $6::text[], $7::text[]) y(b, c, t, p, s, w, o)
    on conflict on constraint awaited_pk do nothing
