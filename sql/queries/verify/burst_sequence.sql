-- title: history has no gap and no overlap: each burst begins where the one before ended
-- index: bursts_pk gives the order
select count(*)
  from (select b.seq, b.tenant_id,
               lag(b.seq + cardinality(b.kinds), 1, 0) over (partition by b.bucket, b.execution_id order by b.seq) as wanted
          from waypost.bursts b) x
 where ($1::int is null or x.tenant_id = $1) and x.seq <> x.wanted
