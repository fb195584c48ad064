-- Events: the queue row IS the event; the matcher moves it to the log in the matching transaction.
create table waypost.event_queue (
  bucket       smallint not null,
  recorded_at  timestamptz not null,      -- clock_timestamp() taken after the writer's row lock: a contact's order (I-7)
  id           uuid not null,
  tenant_id    int not null,
  contact_id   uuid,
  type         text not null,
  occurred_at  timestamptz not null,      -- business time
  data         jsonb not null,
  old          jsonb,                     -- the row before and after, of a change
  new          jsonb,
  trigger      jsonb,                     -- of a timed firing: {"workflow": slug, "trigger": id}; it enrols through that one only
  cause        jsonb,                     -- {"execution", "workflow", "step", "depth"} of the write that made it
  source       text not null default 'sql',
  constraint event_queue_pk primary key (bucket, recorded_at, id)  -- also the matcher's order of reading
);

create table waypost.events (
  bucket       smallint not null,
  recorded_at  timestamptz not null,
  id           uuid not null,
  tenant_id    int not null,
  contact_id   uuid,
  type         text not null,
  occurred_at  timestamptz not null,
  matched_at   timestamptz not null,      -- business time of the matching
  data         jsonb not null,
  old          jsonb,
  new          jsonb,
  trigger      jsonb,
  cause        jsonb,
  source       text not null,
  decisions    jsonb,                     -- [{"workflow", "trigger", "outcome", "reason", "execution"}]: what the matcher made of it
  constraint events_pk primary key (bucket, recorded_at, id)
) partition by range (recorded_at);
create table waypost.events_default partition of waypost.events default;
create index events_contact on waypost.events (contact_id, recorded_at);  -- explain; look-back of until_event

-- Dedupe keys outlive partitions. Without a contact: the zero UUID, in the tenant's home bucket.
create table waypost.event_keys (
  bucket      smallint not null,
  tenant_id   int not null,
  contact_id  uuid not null,
  key         text not null,
  event_id    uuid not null,
  constraint event_keys_pk primary key (bucket, tenant_id, contact_id, key)
);

-- One row a bucket, locked SKIP LOCKED by the matcher: one contact's events are handled by one matcher at a time.
create table waypost.buckets (
  bucket  smallint not null,
  constraint buckets_pk primary key (bucket)
);
insert into waypost.buckets select g from generate_series(0, 1023) g;

-- Timed triggers that will fire: planned in the writer's transaction, emitted as events when due.
create table waypost.timers (
  bucket          smallint not null,
  id              uuid not null,
  tenant_id       int not null,
  contact_id      uuid,
  due_at          timestamptz not null,
  event_type      text not null,
  workflow_id     int not null,
  trigger_id      text not null,
  subject         text not null,          -- what it hangs on, e.g. form_session:<id>; a change of the subject moves or deletes it
  occurrence_key  text not null,
  data            jsonb not null,
  constraint timers_pk primary key (bucket, id),
  constraint timers_occurrence_uq unique (bucket, tenant_id, occurrence_key)
);
create index timers_due on waypost.timers (due_at);
create index timers_subject on waypost.timers (tenant_id, subject);

-- Firings that happened: a plan made again after the firing does not fire twice. Never dropped by retention.
create table waypost.occurrences (
  bucket          smallint not null,
  tenant_id       int not null,
  occurrence_key  text not null,
  event_id        uuid not null,
  constraint occurrences_pk primary key (bucket, tenant_id, occurrence_key)
);
