-- payment.successful, payment.failed and payment.refunded for payments that came to that now; a successful one sets the
-- contact's last_purchase_date in the same transaction, before its event.
-- Called by: the statement triggers. Locks: the contacts, in id order. Index: contacts_pk.
-- needs: record_events
create or replace function crm.payments_settled(p_tenants text[], p_payments uuid[]) returns void
language plpgsql volatile set search_path = ''
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
    array_agg(p.paid_at order by p.id))
  from unnest(p_tenants, p_payments) u(tenant, id)
  join crm.payments p on p.tenant_id = u.tenant and p.id = u.id;
end
$$;

create or replace function crm.payments_inserted() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
  v_scope text := waypost.enter('*');
begin
  perform crm.payments_settled(array_agg(r.tenant_id), array_agg(r.id))
  from added r where r.status <> 'pending' having count(*) > 0;
  perform waypost.enter(v_scope);
  return null;
end
$$;

create or replace function crm.payments_updated() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
  v_scope text := waypost.enter('*');
begin
  perform crm.payments_settled(array_agg(n.tenant_id), array_agg(n.id))
  from after n join before o on o.tenant_id = n.tenant_id and o.id = n.id
  where n.status <> o.status and n.status <> 'pending' having count(*) > 0;
  perform waypost.enter(v_scope);
  return null;
end
$$;

drop trigger if exists payments_inserted on crm.payments;
create trigger payments_inserted after insert on crm.payments
  referencing new table as added for each statement execute function crm.payments_inserted();
drop trigger if exists payments_updated on crm.payments;
create trigger payments_updated after update on crm.payments
  referencing old table as before new table as after for each statement execute function crm.payments_updated();
