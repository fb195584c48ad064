-- Every outbox row, open or ended, was asked for by the history entry whose number it carries, if that day is kept.
-- used by: app/verify.rs
-- locks:   none
-- index:   bursts_pk, one probe an outbox row
select count(*)
  from (select bucket, execution_id, seq, tenant_id, created_at from waypost.sends
        union all
        select bucket, execution_id, seq, tenant_id, created_at from waypost.deliveries) s
  left join lateral (
    select b.kinds[s.seq - b.seq + 1] as kind
      from waypost.all_bursts b
     where b.bucket = s.bucket and b.execution_id = s.execution_id and b.seq <= s.seq
     order by b.seq desc limit 1) h on true
 where ($1::int is null or s.tenant_id = $1) and h.kind is distinct from 5
   and not (h.kind is null
            and s.created_at < coalesce((select w.since from waypost.whole_since w where w.kind = 'bursts'), '-infinity'))
