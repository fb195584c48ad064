-- title: no lease expired longer than a minute ago (is a worker running?)
-- index: outbox_lease
select count(*)
  from waypost.sends s
 where ($1::int is null or s.tenant_id = $1) and s.state in (1, 2)
   and s.lease_until < clock_timestamp() - interval '1 minute'
