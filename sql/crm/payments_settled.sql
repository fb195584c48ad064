-- payment.successful, payment.failed and payment.refunded for payments that came to that now; a successful one sets the
-- contact's last_purchase_date in the same transaction, before its event.
-- Called by: the triggers of crm.payments, with scope *. Locks: the contacts, in id order. Index: contacts_pk.
-- needs: record_events
create or replace function crm.payments_settled(p_tenants text[], p_payments uuid[]) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
  perform 1
  from (select distinct p.tenant_id, p.contact_id
        from unnest(p_tenants, p_payments) u(tenant, id)
        join crm.payments p on p.tenant_id = u.tenant and p.id = u.id and p.status = 'succeeded') x
  join crm.contacts c on c.tenant_id = x.tenant_id and c.id = x.contact_id
  order by c.tenant_id, c.id
  for update of c;
  update crm.contacts c set last_purchase_date = x.at
  from (select p.tenant_id, p.contact_id, max(coalesce(p.paid_at, p.created_at)) as at
        from unnest(p_tenants, p_payments) u(tenant, id)
        join crm.payments p on p.tenant_id = u.tenant and p.id = u.id and p.status = 'succeeded'
        group by p.tenant_id, p.contact_id) x
  where c.tenant_id = x.tenant_id and c.id = x.contact_id
    and (c.last_purchase_date is null or c.last_purchase_date < x.at);
  perform crm.record_events(array_agg(p.tenant_id order by p.id), array_agg(p.contact_id order by p.id),
    array_agg(case p.status when 'succeeded' then 'payment.successful' else 'payment.' || p.status end order by p.id), null,
    array_agg(jsonb_build_object('paymentId', p.id, 'invoiceId', p.invoice_id, 'amount', p.amount, 'currency', p.currency,
      'method', p.method, 'product', p.product, 'failureCode', p.failure_code) order by p.id), null, null,
    array_agg(p.paid_at order by p.id), array_agg(u.o::int order by p.id))
  from unnest(p_tenants, p_payments) with ordinality u(tenant, id, o)
  join crm.payments p on p.tenant_id = u.tenant and p.id = u.id;
end
$$;
