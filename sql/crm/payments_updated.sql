-- Payments whose status changed: their events.
-- Called by: the statement trigger. Locks: as payments_settled. Index: none.
-- needs: payments_settled
create or replace function crm.payments_updated() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
  -- Workers switch these off for their own statements; old and new rows are paired by hash.
  set enable_hashjoin = on set enable_sort = on
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
drop trigger if exists payments_updated on crm.payments;
create trigger payments_updated after update on crm.payments
  referencing old table as before new table as after for each statement execute function crm.payments_updated();
