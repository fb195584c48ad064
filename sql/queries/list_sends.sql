-- A page of outbox rows, open and ended, newest first, after a cursor (created_at, id).
-- used by: store/sends.rs list
-- locks:   none
-- index:   none that fits every filter: open rows and the days of ended ones are read
select to_jsonb(o) - 'request' - 'response', o.created_at, o.id
  from waypost.outbox o
 where o.tenant = waypost.current_tenant()
   and ($1::text is null or o.status = $1)
   and ($2::text is null or o.workflow = $2)
   and ($3::timestamptz is null or (o.created_at, o.id) < ($3, $4::uuid))
 order by o.created_at desc, o.id desc
 limit $5
