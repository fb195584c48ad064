-- Executions that have not begun, and were put off by their trigger, take another event and begin later still.
-- Answers which of the given found one, with its id.
-- used by: store/enroll.rs debounce
-- locks:   runs rows already held
-- index:   runs_live_uq
update waypost.runs r
   set due_at = y.due, state = r.state || jsonb_build_object('e', y.e::jsonb)
  from (select x.o, x.due, x.e, l.bucket, l.id
          from unnest($1::smallint[], $2::int[], $3::uuid[], $4::int[], $5::text[], $6::timestamptz[], $7::text[])
               with ordinality x(b, t, c, w, k, due, e, o)
         cross join lateral (
           select q.bucket, q.id from waypost.runs q
            where q.bucket = x.b and q.tenant_id = x.t and q.contact_id = x.c and q.workflow_id = x.w
              and not q.state ? 's' and q.due_at > $8 and (q.key = x.k or starts_with(q.key, x.k || ':'))
            limit 1) l) y
 where r.bucket = y.bucket and r.id = y.id
returning y.o::int, r.id
