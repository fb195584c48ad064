-- After a restore: from here on what executions of before the end of the lost time ask for is born in doubt
-- (insert_outbox), and what they have open and may have sent meanwhile is in doubt too; `hold` ends in guard_restore.
-- used by: store/sends.rs begin_guard
-- locks:   the outbox rows
-- index:   sends_due, sends_lease
with said as (
  insert into waypost.restores (tenant_id, at, last_id)
  select waypost.current_tenant_id(), clock_timestamp(),
         (lpad(to_hex(waypost.millis(coalesce($1, waypost.now()))), 12, '0') || repeat('f', 20))::uuid)
update waypost.sends s set doubt = true
 where (s.state in (1, 2) or s.due_at <= waypost.now()) and s.policy <> 2 and not s.doubt
   and s.tenant_id = waypost.current_tenant_id()
