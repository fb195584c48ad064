-- Nothing was sent that was not first recorded: what ended as sent, failed or unknown has its attempt (I-2). The attempt of
-- what a restore left in doubt is in the time that was lost.
-- used by: app/verify.rs
-- locks:   none
-- index:   none
select count(*)
  from waypost.deliveries d
 where ($1::int is null or d.tenant_id = $1)
   and d.state in (3, 4, 5)
   and d.error is distinct from 'restored' and d.settled_by is null
   and (d.attempt < 1 or d.fence < 1 or d.first_at is null)
