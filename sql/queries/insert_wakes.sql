-- Replies for executions that somebody else holds at this moment: nobody updates a row that it has not claimed.
-- used by: store/executions.rs insert_wakes
-- locks:   none that others wait for
-- index:   wakes_pk
insert into waypost.wakes (bucket, execution_id, kind, seq, tenant_id, input, at)
select b, e, 0, s, t, i::jsonb, $6
  from unnest($1::smallint[], $2::uuid[], $3::int[], $4::int[], $5::text[]) y(b, e, s, t, i)
    on conflict on constraint wakes_pk do nothing
