-- No lease has run out a minute ago without anybody taking the row back.
-- used by: app/verify.rs
-- locks:   none
-- index:   sends_lease
select count(*)
  from waypost.sends s
 where ($1::int is null or s.tenant_id = $1)
   and s.state in (1, 2) and s.lease_until < clock_timestamp() - interval '1 minute'
