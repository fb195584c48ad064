-- Every finished execution's history ends with the entry that says how it ended.
-- used by: app/verify.rs
-- locks:   none
-- index:   bursts_pk, one probe a finished row
select count(*)
  from waypost.finished f
  left join lateral (
    select b.kinds[cardinality(b.kinds)] as last
      from waypost.all_bursts b
     where b.bucket = f.bucket and b.execution_id = f.id
     order by b.seq desc limit 1) h on true
 where ($1::int is null or f.tenant_id = $1)
   and h.last is not null and h.last <> f.status + 4
