-- title: what was sent, failed or is unknown was recorded as an attempt first (I-2)
-- index: none: ended rows are read whole
select count(*)
  from waypost.deliveries d
 where ($1::int is null or d.tenant_id = $1)
   and d.state in (3, 5) and (d.attempt < 1 or d.first_at is null)
