-- used by: store/workflows.rs publish
-- locks:   the rows it inserts
-- index:   trigger_index_pk
insert into waypost.trigger_index (tenant_id, event_type, workflow_id, trigger_id, version, discriminator, config)
select $1, u.t, $2, u.g, $3, u.d, u.c::jsonb
  from unnest($4::text[], $5::text[], $6::text[], $7::text[]) u(t, g, d, c)
on conflict on constraint trigger_index_pk do nothing
