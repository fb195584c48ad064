-- Seconds that the oldest thing to do has waited: events to match, executions and sends that are due. Tenants with a
-- clock of their own are left out: nobody is late there.
-- used by: store/overview.rs
-- locks:   none
-- index:   event_queue_pk, runs_due, outbox_due
select coalesce(extract(epoch from clock_timestamp() - (select min(q.recorded_at) from waypost.event_queue q
         where not exists (select from waypost.tenants t where t.id = q.tenant_id and t.clock is not null))), 0)::float8,
       coalesce(extract(epoch from clock_timestamp() - (select min(r.due_at) from waypost.runs r
         where r.due_at <= clock_timestamp()
           and not exists (select from waypost.tenants t where t.id = r.tenant_id and t.clock is not null))), 0)::float8,
       coalesce(extract(epoch from clock_timestamp() - (select min(s.due_at) from waypost.sends s
         where s.state = 0 and s.due_at <= clock_timestamp()
           and not exists (select from waypost.tenants t where t.id = s.tenant_id and t.clock is not null))), 0)::float8,
       (select count(*) from waypost.event_queue)
