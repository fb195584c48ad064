-- title: no wake has waited longer than a minute (is a worker running?)
-- index: none: wakes are few
select count(*)
  from waypost.wakes k join waypost.tenants t on t.id = k.tenant_id
 where ($1::int is null or k.tenant_id = $1) and t.clock is null and k.at < clock_timestamp() - interval '1 minute'
