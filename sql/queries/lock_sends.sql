-- Takes the sends of ended executions before they are cancelled: a claim that is just being committed is waited for, and
-- the next statement sees what became of it.
-- used by: store/commit.rs
-- locks:   sends rows, after the executions (the one lock order), in (bucket, id) order
-- index:   sends_pk
select count(*)
  from unnest($1::smallint[], $2::uuid[]) x(b, i)
 cross join lateral (select o.id from waypost.sends o where o.bucket = x.b and o.id = x.i for update) o
