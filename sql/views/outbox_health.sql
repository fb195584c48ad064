-- How dispatching stands, for each tenant and action
-- Called by: doctor, monitoring, people. Index: none, it reads the open rows whole and a day of ended ones.
-- needs: outbox
create or replace view waypost.outbox_health with (security_invoker = true) as
select o.tenant, o.action,
       count(*) filter (where o.status = 'pending') as pending,
       count(*) filter (where o.status in ('claimed', 'sending')) as in_flight,
       count(*) filter (where o.ended_at is null and o.attempts > 0) as retrying,
       count(*) filter (where o.ended_at is null and o.lease_until < clock_timestamp() and o.status <> 'pending') as expired,
       min(o.due_at) filter (where o.status = 'pending') as oldest_due_at,
       count(*) filter (where o.status = 'sent' and o.claimed_at > clock_timestamp() - interval '24 hours') as sent_24h,
       count(*) filter (where o.status = 'failed' and o.claimed_at > clock_timestamp() - interval '24 hours') as failed_24h,
       count(*) filter (where o.status = 'unknown' and o.claimed_at > clock_timestamp() - interval '24 hours') as unknown_24h,
       count(*) filter (where o.status = 'suppressed' and o.claimed_at > clock_timestamp() - interval '24 hours')
         as suppressed_24h,
       percentile_cont(0.5) within group (order by extract(epoch from o.ended_at - o.claimed_at))
         filter (where o.status = 'sent' and o.claimed_at > clock_timestamp() - interval '24 hours')
         * interval '1 second' as p50_send_time,
       (array_agg(o.error order by o.ended_at desc nulls last) filter (where o.error is not null))[1] as last_error
from waypost.outbox o
group by o.tenant, o.action;
comment on view waypost.outbox_health is 'How dispatching stands, for each tenant and action';
comment on column waypost.outbox_health.tenant is 'Name of the tenant it belongs to';
comment on column waypost.outbox_health.action is 'Action type';
comment on column waypost.outbox_health.pending is 'Rows to be sent';
comment on column waypost.outbox_health.in_flight is 'Rows that a sender holds';
comment on column waypost.outbox_health.retrying is 'Open rows with an attempt behind them';
comment on column waypost.outbox_health.expired is 'Rows whose sender has let its lease run out';
comment on column waypost.outbox_health.oldest_due_at is 'Due time of the oldest pending row';
comment on column waypost.outbox_health.sent_24h is 'Sent within 24 hours';
comment on column waypost.outbox_health.failed_24h is 'Failed within 24 hours';
comment on column waypost.outbox_health.unknown_24h is 'Ended unknown within 24 hours';
comment on column waypost.outbox_health.suppressed_24h is 'Withheld within 24 hours';
comment on column waypost.outbox_health.p50_send_time is 'Median time of a send within 24 hours';
comment on column waypost.outbox_health.last_error is 'Error class of the latest failure';
