-- Turns reservations into starts (the last $6 are kept) or clears them (an empty array).
-- used by: store/commit.rs; one row for each (contact, workflow) of the batch
-- locks:   enrollments rows already held
-- index:   enrollments_pk
insert into waypost.enrollments as e (bucket, tenant_id, contact_id, workflow_id, starts, reserved_at)
select b, t, c, w, s::timestamptz[], null
  from unnest($1::smallint[], $2::int[], $3::uuid[], $4::int[], $5::text[]) y(b, t, c, w, s)
    on conflict on constraint enrollments_pk do update
   set starts = (e.starts || excluded.starts)
                [greatest(1, cardinality(e.starts) + cardinality(excluded.starts) - $6 + 1):],
       reserved_at = null
