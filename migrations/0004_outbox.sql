-- DISPATCH: open rows only; the row itself is the attempt record (fence, attempt, claimed_at committed at T2: I-2).
-- The view waypost.outbox shows open and ended rows together.
create table waypost.sends (
  bucket        smallint not null,
  id            uuid not null,            -- UUIDv8 of (execution, seq): this IS unique (execution, seq)
  execution_id  uuid not null,
  seq           int not null,
  tenant_id     int not null,
  workflow_id   int not null,
  version       int not null,
  contact_id    uuid not null,
  step          int not null,
  action        text not null,
  policy        smallint not null,        -- 0 dedupe 1 reconcile 2 hold 3 retry
  state         smallint not null default 0,  -- 0 pending 1 claimed 2 sending
  fence         int not null default 0,   -- of its own, never `attempt` (I-4)
  attempt       smallint not null default 0,
  due_at        timestamptz not null,     -- business time
  first_at      timestamptz,              -- of the first attempt, clock_timestamp(): the provider's window counts from it
  claimed_at    timestamptz,              -- clock_timestamp()
  lease_until   timestamptz,              -- clock_timestamp()
  created_at    timestamptz not null,     -- business time
  timeout_ms    int not null,
  retry         jsonb,                    -- model/retry.rs; null: the default of outside actions
  request       jsonb not null,           -- rendered and frozen; secrets as references
  error         text,                     -- class of the last verdict
  doubt         boolean not null default false,  -- an earlier try may have been done: never `failed` for certain again (I-5)
  constraint sends_pk primary key (bucket, id),
  constraint sends_state_ck check (state between 0 and 2)
);
create index sends_due on waypost.sends (due_at) where state = 0;
create index sends_lease on waypost.sends (lease_until) where state in (1, 2);
create index sends_execution on waypost.sends (execution_id);

-- Ended rows, by time of ending; moved here by T3.
create table waypost.deliveries (
  bucket        smallint not null,
  id            uuid not null,
  execution_id  uuid not null,
  seq           int not null,
  tenant_id     int not null,
  workflow_id   int not null,
  version       int not null,
  contact_id    uuid not null,
  step          int not null,
  action        text not null,
  policy        smallint not null,
  state         smallint not null,        -- 3 sent 4 failed 5 unknown 6 suppressed 7 cancelled
  fence         int not null,
  attempt       smallint not null,
  created_at    timestamptz not null,
  first_at      timestamptz,
  claimed_at    timestamptz,
  finished_at   timestamptz not null,
  request       jsonb not null,
  response      jsonb,
  error         text,
  constraint deliveries_pk primary key (bucket, id, finished_at),
  constraint deliveries_state_ck check (state between 3 and 7)
) partition by range (finished_at);
create table waypost.deliveries_default partition of waypost.deliveries default;
create index deliveries_execution on waypost.deliveries (execution_id);

-- Only attempts that did NOT end the row: retries, reaped leases, stale fences. Nothing on the happy path.
create table waypost.attempt_log (
  bucket      smallint not null,
  outbox_id   uuid not null,
  tenant_id   int not null,
  fence       int not null,
  claimed_at  timestamptz,
  at          timestamptz not null,       -- clock_timestamp()
  verdict     text not null,              -- ok, not_sent, rejected, retryable, unknown, reaped, stale
  error       text,
  response    jsonb,
  constraint attempt_log_pk primary key (bucket, outbox_id, fence, at)
) partition by range (at);
create table waypost.attempt_log_default partition of waypost.attempt_log default;

-- Messages that were captured instead of leaving the machine; written in the finishing transaction.
create table waypost.captured (
  bucket      smallint not null,
  outbox_id   uuid not null,
  tenant_id   int not null,
  contact_id  uuid not null,
  channel     text not null,
  recipient   text not null,
  subject     text,
  body        text,
  html        text,
  headers     jsonb,
  at          timestamptz not null,       -- business time
  constraint captured_pk primary key (bucket, outbox_id, at)
) partition by range (at);
create table waypost.captured_default partition of waypost.captured default;

-- The doorbell: a worker arms it before it goes idle; emit and enroll NOTIFY only while it is armed.
create table waypost.doorbell (
  one          boolean not null default true,
  armed_until  timestamptz not null default 'epoch',
  constraint doorbell_pk primary key (one),
  constraint doorbell_one_ck check (one)
);
insert into waypost.doorbell default values;
create sequence waypost.wake_hint;        -- bumped, never rolled back: what the flag misses, a look every 50 ms finds
