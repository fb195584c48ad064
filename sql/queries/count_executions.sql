-- Live and ended executions by status, of one tenant or of all.
-- used by: store/overview.rs
-- locks:   none
-- index:   none: read whole, under the caller's time limit
select x.status, count(*)
  from (select r.status, r.tenant_id from waypost.runs r
        union all
        select f.status, f.tenant_id from waypost.finished f) x
 where $1::int is null or x.tenant_id = $1
 group by x.status
