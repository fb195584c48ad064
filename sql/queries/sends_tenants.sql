-- The next $2 tenants after $1 that have something to send, due or not: whose turn it is.
-- used by: store/outbox.rs claim_turns
-- locks:   none
-- index:   sends_turns, as a loose scan over tenants
with recursive turn (tenant_id) as (
  (select s.tenant_id from waypost.sends s
    where s.state = 0 and s.tenant_id > $1 order by s.tenant_id limit 1)
   union all
  select (select s.tenant_id from waypost.sends s
           where s.state = 0 and s.tenant_id > t.tenant_id order by s.tenant_id limit 1)
    from turn t where t.tenant_id is not null)
select tenant_id from turn where tenant_id is not null limit $2
