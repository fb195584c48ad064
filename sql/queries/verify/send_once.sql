-- One visit of a step makes one outbox row: never open and ended, never ended twice.
-- used by: app/verify.rs
-- locks:   none
-- index:   sends_pk, deliveries_pk
select (select count(*)
          from waypost.sends s
          join waypost.deliveries d on d.bucket = s.bucket and d.id = s.id
         where $1::int is null or s.tenant_id = $1)
     + (select count(*)
          from (select 1 from waypost.deliveries d
                 where $1::int is null or d.tenant_id = $1
                 group by d.bucket, d.id having count(*) > 1) twice)
