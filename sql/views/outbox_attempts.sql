-- Attempts at outbox rows, those that did not end the row and those that did
-- Called by: people, the API. Index: attempt_log_pk, deliveries_pk, sends_pk for one row.
-- needs: outbox_state_name
create or replace view waypost.outbox_attempts with (security_invoker = true) as
select a.outbox_id, t.name as tenant, a.fence, a.claimed_at, a.at, a.verdict, a.error, a.response
from waypost.attempt_log a join waypost.tenants t on t.id = a.tenant_id
union all
select d.id, t.name, d.fence, d.claimed_at, d.finished_at, waypost.outbox_state_name(d.state), d.error, d.response
from waypost.deliveries d join waypost.tenants t on t.id = d.tenant_id
where d.attempt > 0
union all
select o.id, t.name, o.fence, o.claimed_at, null, waypost.outbox_state_name(o.state), null, null
from waypost.sends o join waypost.tenants t on t.id = o.tenant_id
where o.state in (1, 2);
comment on view waypost.outbox_attempts is 'Attempts at outbox rows, those that did not end the row and those that did';
comment on column waypost.outbox_attempts.outbox_id is 'The outbox row';
comment on column waypost.outbox_attempts.tenant is 'Name of the tenant it belongs to';
comment on column waypost.outbox_attempts.fence is 'Which claim it was';
comment on column waypost.outbox_attempts.claimed_at is 'When the attempt was committed, before any byte left';
comment on column waypost.outbox_attempts.at is 'When its verdict came; null while it runs';
comment on column waypost.outbox_attempts.verdict is 'ok, not_sent, rejected, retryable, unknown, reaped, stale; of the last attempt the status of the row';
comment on column waypost.outbox_attempts.error is 'Error class';
comment on column waypost.outbox_attempts.response is 'What the provider said';
