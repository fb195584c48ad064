-- title: one visit of a step has one outbox row
-- index: none: open and ended rows are grouped once
select count(*)
  from (select o.execution_id, o.seq
          from (select s.execution_id, s.seq, s.tenant_id from waypost.sends s
                union all select d.execution_id, d.seq, d.tenant_id from waypost.deliveries d) o
         where $1::int is null or o.tenant_id = $1
         group by o.execution_id, o.seq having count(*) > 1) x
