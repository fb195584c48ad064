-- New payments that are not pending: their events.
-- Called by: the statement trigger. Locks: as payments_settled. Index: none.
-- needs: payments_settled
create or replace function crm.payments_inserted() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
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
drop trigger if exists payments_inserted on crm.payments;
create trigger payments_inserted after insert on crm.payments
  referencing new table as added for each statement execute function crm.payments_inserted();
