-- What was settled later is certain now, and says by whom.
-- used by: app/verify.rs
-- locks:   none
-- index:   deliveries_settled
select count(*)
  from waypost.deliveries d
 where ($1::int is null or d.tenant_id = $1)
   and d.settled_at is not null
   and (d.state not in (3, 4) or d.settled_by is null or d.settled_at < d.created_at)
