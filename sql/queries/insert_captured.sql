-- Messages that stayed here, in the transaction that finishes their outbox row.
-- used by: store/outbox.rs finish
-- locks:   none
-- index:   captured_pk
insert into waypost.captured (bucket, outbox_id, tenant_id, contact_id, channel, recipient, subject, body, html, headers, at)
select b, i, t, c, ch, re, su, bo, ht, he::jsonb, a
  from unnest($1::smallint[], $2::uuid[], $3::int[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
              $10::text[], $11::timestamptz[])
       y(b, i, t, c, ch, re, su, bo, ht, he, a)
