-- Executions that have not begun, and were put off by their trigger, take another event and begin later still.
-- Answers which of the given found one, with its id.
-- offset 0: by the contact first, whatever the plan was made for; an index of due times would be walked from $8 on
-- order:   that of the index, as in claim_ids
-- used by: store/enroll.rs debounce
-- locks:   runs rows already held
-- index:   runs_live_uq
with y as materialized (
  select x.o, x.due, x.e, l.place, l.id
    from unnest($1::smallint[], $2::int[], $3::uuid[], $4::int[], $5::text[], $6::timestamptz[], $7::text[])
         with ordinality x(b, t, c, w, k, due, e, o)
   cross join lateral (
     select q.place, q.id
       from (select r.ctid as place, r.* from waypost.runs r
              where (r.bucket, r.tenant_id, r.contact_id, r.workflow_id) >= (x.b, x.t, x.c, x.w)
                and (r.bucket, r.tenant_id, r.contact_id, r.workflow_id) <= (x.b, x.t, x.c, x.w)
              order by r.bucket, r.tenant_id, r.contact_id, r.workflow_id, r.key offset 0) q
      where not q.state ? 's' and q.due_at > $8 and (q.key = x.k or starts_with(q.key, x.k || ':'))
      limit 1) l)
update waypost.runs r
   set due_at = y.due, state = r.state || jsonb_build_object('e', y.e::jsonb)
  from y
 where r.ctid = any (array(select y.place from y)) and r.id = y.id
returning y.o::int, r.id
