-- Executions that have not begun, and were put off by their trigger, take another event and begin later still.
-- Answers which of the given found one, with its id.
-- arrays:  so that neither is looked for once for each of the other, whatever is thought of how many are found
-- order:   that of the index, as in claim_ids
-- by one:  as in claim_contact_runs
-- used by: store/enroll.rs debounce
-- locks:   runs rows already held
-- index:   runs_live_uq
with recursive l as (
  select x.o, x.k, x.due, x.e, n.*
    from unnest($1::smallint[], $2::int[], $3::uuid[], $4::int[], $5::text[], $6::timestamptz[], $7::text[])
         with ordinality x(b, t, c, w, k, due, e, o)
   cross join lateral (
     select r.ctid as place, r.id, r.due_at, r.state ? 's' as begun, r.bucket, r.tenant_id, r.contact_id, r.workflow_id, r.key
       from waypost.runs r
      where (r.bucket, r.tenant_id, r.contact_id, r.workflow_id) >= (x.b, x.t, x.c, x.w) and r.bucket <= x.b
      order by r.bucket, r.tenant_id, r.contact_id, r.workflow_id, r.key limit 1) n
   where (n.bucket, n.tenant_id, n.contact_id, n.workflow_id) = (x.b, x.t, x.c, x.w)
  union all
  select l.o, l.k, l.due, l.e, n.*
    from l
   cross join lateral (
     select r.ctid as place, r.id, r.due_at, r.state ? 's' as begun, r.bucket, r.tenant_id, r.contact_id, r.workflow_id, r.key
       from waypost.runs r
      where (r.bucket, r.tenant_id, r.contact_id, r.workflow_id, r.key)
          > (l.bucket, l.tenant_id, l.contact_id, l.workflow_id, l.key) and r.bucket <= l.bucket
      order by r.bucket, r.tenant_id, r.contact_id, r.workflow_id, r.key limit 1) n
   where (n.bucket, n.tenant_id, n.contact_id, n.workflow_id) = (l.bucket, l.tenant_id, l.contact_id, l.workflow_id)),
y as materialized (
  select distinct on (l.o) l.o, l.due, l.e, l.place, l.id
    from l
   where not l.begun and l.due_at > $8 and (l.key = l.k or starts_with(l.key, l.k || ':'))
   order by l.o, l.key)
update waypost.runs r
   set due_at = x.due, state = r.state || jsonb_build_object('e', x.e::jsonb)
  from (select unnest(array(select y.id from y)) as i, unnest(array(select y.o from y)) as o,
               unnest(array(select y.due from y)) as due, unnest(array(select y.e from y)) as e) x
 where r.ctid = any (array(select y.place from y)) and r.id = x.i
returning x.o::int, r.id
