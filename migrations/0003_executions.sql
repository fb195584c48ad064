-- HOT: live executions only, waiting ones too (the live key must cover them). Narrow; each index earns its place.
create table waypost.runs (
  bucket       smallint not null,
  id           uuid not null,             -- UUIDv8: 48-bit ms of the origin | bucket | hash (model/ids.rs, waypost.derive_id)
  tenant_id    int not null,
  workflow_id  int not null,
  version      int not null,
  contact_id   uuid not null,
  key          text not null,             -- the live key; with allowMultipleEnrollments followed by the event's or enrolment's id
  status       smallint not null default 0,  -- 0 ready 1 waiting 2 dispatching 3 paused
  priority     smallint not null default 0,
  seq          int not null default 0,    -- history entries so far; an outbox row's seq is the entry that asked for it
  node         int not null default -1,   -- step index of the first branch; -1: not begun
  due_at       timestamptz,               -- null: waits for something other than time
  enrolled_at  timestamptz not null,
  state        jsonb not null default '{}',  -- model/execution.rs: State
  constraint runs_pk primary key (bucket, id),
  constraint runs_live_uq unique (bucket, tenant_id, contact_id, workflow_id, key)  -- also: live executions of this contact
) with (fillfactor = 70);
create index runs_due on waypost.runs (due_at) where due_at is not null;

-- Inputs for executions whose row was locked when they came, and operators' commands. The claim consumes them.
create table waypost.wakes (
  bucket        smallint not null,
  execution_id  uuid not null,
  kind          smallint not null,        -- 0 an outbox result, 1 an operator's command
  seq           int not null,
  tenant_id     int not null,
  input         jsonb not null,
  at            timestamptz not null,
  constraint wakes_pk primary key (bucket, execution_id, kind, seq)
);

-- COLD: one row a finished execution, by time of finish.
create table waypost.finished (
  bucket       smallint not null,
  id           uuid not null,
  tenant_id    int not null,
  workflow_id  int not null,
  version      int not null,
  contact_id   uuid not null,
  key          text not null,
  status       smallint not null,         -- 4 completed 5 exited 6 cancelled 7 failed
  reason       text,
  priority     smallint not null,
  seq          int not null,
  node         int not null,
  enrolled_at  timestamptz not null,
  finished_at  timestamptz not null,
  state        jsonb not null,
  constraint finished_pk primary key (bucket, id, finished_at),
  constraint finished_status_ck check (status between 4 and 7)
) partition by range (finished_at);
create table waypost.finished_default partition of waypost.finished default;

-- HISTORY: one row a burst, arrays of its entries. kinds: model/transition.rs EntryKind. results null: no entry had one.
create table waypost.bursts (
  bucket        smallint not null,
  execution_id  uuid not null,
  seq           int not null,             -- of its first entry
  tenant_id     int not null,
  workflow_id   int not null,
  at            timestamptz not null,
  steps         int[] not null,           -- step index; goal index for goal:achieved; -1 for the execution itself
  kinds         smallint[] not null,
  results       jsonb,                    -- array, as long as kinds
  constraint bursts_pk primary key (bucket, execution_id, seq, at)
) partition by range (at);
create table waypost.bursts_default partition of waypost.bursts default;

-- LEDGER: kept only for workflows whose rules need it; never dropped by retention.
create table waypost.enrollments (
  bucket       smallint not null,
  tenant_id    int not null,
  contact_id   uuid not null,
  workflow_id  int not null,
  starts       timestamptz[] not null default '{}',  -- the last `limit_count` (at least one) starts, oldest first
  reserved_at  timestamptz,               -- set by enroll, turned into a start or cleared by the first burst
  constraint enrollments_pk primary key (bucket, tenant_id, contact_id, workflow_id)
);

-- Each refusal, with its reason and numbers.
create table waypost.blocks (
  bucket       smallint not null,
  id           uuid not null,
  tenant_id    int not null,
  workflow_id  int not null,
  contact_id   uuid not null,
  at           timestamptz not null,
  reason       text not null,
  detail       jsonb,
  source_id    uuid,                      -- the event or enrolment
  constraint blocks_pk primary key (bucket, id, at)
) partition by range (at);
create table waypost.blocks_default partition of waypost.blocks default;
create index blocks_contact on waypost.blocks (contact_id, at);
