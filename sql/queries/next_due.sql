-- When a tenant with a clock of its own has something to do next.
-- used by: store/clock.rs next_due
-- locks:   none
-- index:   runs_turns, sends_due, timers_due
select min(at) from (
  (select r.due_at as at from waypost.runs r where r.tenant_id = $1 and r.due_at is not null order by r.due_at limit 1)
  union all
  (select o.due_at from waypost.sends o where o.tenant_id = $1 and o.state = 0 order by o.due_at limit 1)
  union all
  (select t.due_at from waypost.timers t where t.tenant_id = $1 order by t.due_at limit 1)) x
