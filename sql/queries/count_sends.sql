-- Open outbox rows by state, and those that ended unknown: what somebody may have to look at.
-- used by: store/overview.rs
-- locks:   none
-- index:   none: open rows are read whole, under the caller's time limit
select waypost.outbox_state_name(x.state), count(*)
  from (select s.state, s.tenant_id from waypost.sends s
        union all
        select d.state, d.tenant_id from waypost.deliveries d where d.state = 5) x
 where $1::int is null or x.tenant_id = $1
 group by x.state
