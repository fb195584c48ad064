-- acme: one row at least in every table of tenants' rows, each text with the mark that no other tenant's has.
insert into waypost.tenants (name, clock) values ('acme', '2024-03-01 09:00Z'), ('bolt', null);
set waypost.tenant = 'acme';
insert into waypost.role_tenants (role_name, tenant_id) values ('waypost_test_acme', waypost.current_tenant_id());

insert into crm.custom_fields (name, type) values ('acme-canary-field', 'text');
insert into crm.contacts (id, external_id, email, phone, first_name, tags, custom_fields)
values ('aaaaaaaa-0000-7000-8000-000000000001', 'acme-canary-1', 'acme-canary@example.com', '+15550001111', 'acme-canary',
        '{acme-canary-tag}', '{"acme-canary-field": "acme-canary"}');
insert into crm.notes (contact_id, body) values ('aaaaaaaa-0000-7000-8000-000000000001', 'acme-canary');
insert into crm.forms (id, name) values ('acme-canary-form', 'acme-canary');
insert into crm.form_submissions (form_id, contact_id, fields)
values ('acme-canary-form', 'aaaaaaaa-0000-7000-8000-000000000001', '{"acme-canary": 1}');
insert into crm.payments (contact_id, amount, product)
values ('aaaaaaaa-0000-7000-8000-000000000001', 12.5, 'acme-canary');

-- Two workflows: one that enrols, one that is paused and refuses.
insert into waypost.workflows (tenant_id, slug, name, status, version, needs_ledger, limit_count)
values (waypost.current_tenant_id(), 'acme-canary-flow', 'acme-canary', 'active', 1, true, 100),
       (waypost.current_tenant_id(), 'acme-canary-held', 'acme-canary', 'paused', 1, false, null);
insert into waypost.versions (workflow_id, version, tenant_id, definition, steps, goals, checksum, published_at)
select w.id, 1, w.tenant_id,
       '{"id": "acme-canary-flow", "actions": [{"id": "acme-canary-wait", "type": "wait", "config": {"waitType": "duration"}},
         {"id": "acme-canary-review", "type": "manual_review"}, {"id": "acme-canary-split", "type": "split"},
         {"id": "acme-canary-mail", "type": "send_email"}]}',
       '{acme-canary-wait,acme-canary-review,acme-canary-split,acme-canary-mail}', '{acme-canary-goal}', 'acme-canary',
       clock_timestamp()
from waypost.workflows w where w.tenant_id = waypost.current_tenant_id();
insert into waypost.trigger_index (tenant_id, event_type, workflow_id, trigger_id, version, config)
select w.tenant_id, t, w.id, 'acme-canary', 1, '{"after": {"amount": 1, "unit": "hours"}}'
from waypost.workflows w, unnest('{acme-canary,form.abandoned}'::text[]) t where w.slug = 'acme-canary-flow';
insert into waypost.interests (tenant_id, event_type, field, workflow_id, version)
select w.tenant_id, 'contact.updated', 'acme-canary', w.id, 1 from waypost.workflows w where w.slug = 'acme-canary-flow';
insert into waypost.recorded_events values (waypost.current_tenant_id(), 'acme-canary', true);

-- Executions: one that waits and is under review, one that has ended, a refusal, an order on its way.
select waypost.enroll('acme-canary-flow', 'aaaaaaaa-0000-7000-8000-000000000001', 'acme-canary-live', '{"acme-canary": 1}'),
       waypost.enroll('acme-canary-flow', 'aaaaaaaa-0000-7000-8000-000000000001', 'acme-canary-ended'),
       waypost.enroll('acme-canary-held', 'aaaaaaaa-0000-7000-8000-000000000001');
select waypost.cancel(id, 'acme-canary') from waypost.runs where key = 'acme-canary-ended';
insert into waypost.bursts (bucket, execution_id, seq, tenant_id, workflow_id, at, steps, kinds, results)
select r.bucket, r.id, 0, r.tenant_id, r.workflow_id, clock_timestamp(), '{2,0,0,1,3}', '{2,7,4,4,5}',
       '[{"variant": "acme-canary"}, {"goal": "acme-canary"}, {}, {"instructions": "acme-canary", "assignee": "acme-canary"}, {}]'
from waypost.runs r where r.key = 'acme-canary-live';
update waypost.runs r set status = 1, seq = 5, node = 0, due_at = null,
  state = r.state || '{"b": [{"n": 0, "p": {"k": "t", "u": 4102444800000}}, {"i": 1, "n": 1, "p": {"k": "v", "s": 3}}]}'
where r.key = 'acme-canary-live';
select waypost.skip_wait(id) from waypost.runs where key = 'acme-canary-live';
insert into waypost.awaited (bucket, child_id, tenant_id, parent_id, seq, workflow, outputs, at)
select r.bucket, r.id, r.tenant_id, gen_random_uuid(), 1, 'acme-canary', '{acme-canary}', clock_timestamp()
from waypost.runs r where r.key = 'acme-canary-live';
insert into waypost.choices (bucket, tenant_id, contact_id, workflow_id, step, variant, chosen_at)
select r.bucket, r.tenant_id, r.contact_id, r.workflow_id, 'acme-canary', 'acme-canary', clock_timestamp()
from waypost.runs r where r.key = 'acme-canary-live';
insert into waypost.moved_runs
  (bucket, execution_id, batch_id, tenant_id, workflow_id, before_seq, from_version, to_version, status, node, before)
select r.bucket, r.id, gen_random_uuid(), r.tenant_id, r.workflow_id, 0, 1, 1, 0, 0, '{"acme-canary": 1}'
from waypost.runs r where r.key = 'acme-canary-live';
insert into waypost.workflow_limits (bucket, tenant_id, workflow_id, used)
select waypost.home_bucket(w.tenant_id), w.tenant_id, w.id, 1 from waypost.workflows w where w.slug = 'acme-canary-flow';
insert into waypost.workflow_counts
  (bucket, tenant_id, workflow_id, forgotten, completed, exited, cancelled, failed, blocked, goals, completion_time)
select waypost.home_bucket(w.tenant_id), w.tenant_id, w.id, true, 1, 1, 1, 1, 1, 1, '1 s'
from waypost.workflows w where w.slug = 'acme-canary-flow';
insert into waypost.workflow_starts (bucket, tenant_id, workflow_id, at, starts)
select waypost.home_bucket(w.tenant_id), w.tenant_id, w.id, clock_timestamp(), 1
from waypost.workflows w where w.slug = 'acme-canary-flow';
with batch as (
  insert into waypost.batches (bucket, id, tenant_id, verb, at)
  values (waypost.home_bucket(waypost.current_tenant_id()), gen_random_uuid(), waypost.current_tenant_id(), 'pause',
          clock_timestamp())
  returning id, tenant_id)
insert into waypost.batch_members (bucket, batch_id, execution_id, tenant_id)
select r.bucket, b.id, r.id, b.tenant_id from batch b, waypost.runs r where r.key = 'acme-canary-live';

-- Outside: a send that is open, one that ended unknown, what is known of its attempts, a captured message.
insert into waypost.sends (bucket, id, execution_id, seq, tenant_id, workflow_id, version, contact_id, step, action, policy,
                           due_at, created_at, timeout_ms, request, error, attempt, first_at)
select r.bucket, waypost.outbox_id(r.id, 4), r.id, 4, r.tenant_id, r.workflow_id, 1, r.contact_id, 3, 'send_email', 2,
       clock_timestamp(), clock_timestamp(), 1000,
       '{"to": "acme-canary@example.com", "subject": "acme-canary"}', 'acme-canary', 1, clock_timestamp()
from waypost.runs r where r.key = 'acme-canary-live';
insert into waypost.deliveries (bucket, id, execution_id, seq, tenant_id, workflow_id, version, contact_id, step, action,
                                policy, state, fence, attempt, created_at, first_at, claimed_at, finished_at, request,
                                response, error)
select f.bucket, waypost.outbox_id(f.id, 3), f.id, 3, f.tenant_id, f.workflow_id, 1, f.contact_id, 3, 'send_email', 2, 5, 1, 1,
       clock_timestamp(), clock_timestamp(), clock_timestamp(), clock_timestamp(),
       '{"to": "acme-canary@example.com"}', '{"text": "acme-canary"}', 'acme-canary'
from waypost.finished f where f.key = 'acme-canary-ended';
insert into waypost.attempt_log (bucket, outbox_id, tenant_id, fence, claimed_at, at, verdict, error, response)
select s.bucket, s.id, s.tenant_id, 1, clock_timestamp(), clock_timestamp(), 'retryable', 'acme-canary', '"acme-canary"'
from waypost.sends s where s.error = 'acme-canary';
insert into waypost.captured (bucket, outbox_id, tenant_id, contact_id, channel, recipient, subject, body, at)
select d.bucket, d.id, d.tenant_id, d.contact_id, 'email', 'acme-canary@example.com', 'acme-canary', 'acme-canary',
       clock_timestamp()
from waypost.deliveries d where d.error = 'acme-canary';

insert into waypost.restores (tenant_id, at, last_id)
select s.tenant_id, clock_timestamp(), s.execution_id from waypost.sends s where s.error = 'acme-canary';

-- Events: one in the queue with its key, one that was matched; a firing to come and one that was.
select waypost.emit('acme-canary', 'aaaaaaaa-0000-7000-8000-000000000001', '{"acme-canary": 1}', 'acme-canary-key');
insert into waypost.events (bucket, recorded_at, id, tenant_id, contact_id, type, occurred_at, matched_at, data, source,
                            decisions)
select r.bucket, clock_timestamp(), gen_random_uuid(), r.tenant_id, r.contact_id, 'acme-canary', clock_timestamp(),
       clock_timestamp(), '{"acme-canary": 1}', 'acme-canary', '[{"workflow": "acme-canary-flow", "outcome": "enrolled"}]'
from waypost.runs r where r.key = 'acme-canary-live';
insert into waypost.occurrences (bucket, tenant_id, occurrence_key, event_id)
select r.bucket, r.tenant_id, 'acme-canary', gen_random_uuid() from waypost.runs r where r.key = 'acme-canary-live';
select waypost.plan_timers(w.id) from waypost.workflows w where w.slug = 'acme-canary-flow';

select waypost.suppress('acme-canary@example.com', 'email', 'acme-canary', 'acme-canary');
select waypost.suppress('aaaaaaaa-0000-7000-8000-000000000002', 'contact', 'global', 'acme-canary');
reset waypost.tenant;
