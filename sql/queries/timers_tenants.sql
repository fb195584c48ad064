-- The next $2 tenants after $1 that have timers, due or not: whose turn it is.
-- used by: store/timers.rs tenants
-- locks:   none
-- index:   timers_turns, as a loose scan over tenants
with recursive turn (tenant_id) as (
  (select d.tenant_id from waypost.timers d where d.tenant_id > $1 order by d.tenant_id limit 1)
   union all
  select (select d.tenant_id from waypost.timers d
           where d.tenant_id > t.tenant_id order by d.tenant_id limit 1)
    from turn t where t.tenant_id is not null)
select tenant_id from turn where tenant_id is not null limit $2
