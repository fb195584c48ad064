-- No gap and no overlap: each burst begins where the one before it ended, and the last ends at the execution's count.
-- used by: app/verify.rs
-- locks:   none
-- index:   bursts_pk, in its order
select count(*)
  from (select b.execution_id, b.seq, cardinality(b.kinds) as n,
               lag(b.seq + cardinality(b.kinds)) over w as expected,
               lead(b.seq) over w is null as last
          from waypost.all_bursts b
         where $1::int is null or b.tenant_id = $1
        window w as (partition by b.bucket, b.execution_id order by b.seq)) h
  left join waypost.runs r on h.last and r.id = h.execution_id and r.bucket = waypost.bucket_in(h.execution_id)
  left join waypost.finished f on h.last and f.id = h.execution_id and f.bucket = waypost.bucket_in(h.execution_id)
 where h.expected <> h.seq
    or (h.last and coalesce(r.seq, f.seq) <> h.seq + h.n)
