-- People pay, or their card is refused.
-- used by: app/demo/crm.rs write
-- locks:   the new rows, the contacts who paid
-- index:   contacts_pk
insert into crm.payments (id, contact_id, amount, status, product, failure_code, paid_at)
select u.id, u.contact, u.cents / 100.0, case when u.paid then 'succeeded' else 'failed' end, u.product,
       case when not u.paid then 'card_declined' end, $6::timestamptz
  from unnest($1::uuid[], $2::uuid[], $3::int[], $4::boolean[], $5::text[]) u(id, contact, cents, paid, product)
