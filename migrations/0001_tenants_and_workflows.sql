-- Reference tables: who the tenants are and what they have published. Small, read from caches, never on a hot path.

create table waypost.tenants (
  id          int generated always as identity,
  name        text not null,
  timezone    text not null default 'UTC',
  clock       timestamptz,                -- a clock of its own (tests, demo): business time stands here until somebody moves it
  created_at  timestamptz not null default clock_timestamp(),
  constraint tenants_pk primary key (id),
  constraint tenants_name_uq unique (name),
  constraint tenants_name_ck check (name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$')
);

-- Which tenants a login may name. tenant_id null: every tenant (the owning login).
create table waypost.role_tenants (
  role_name  name not null,
  tenant_id  int,
  constraint role_tenants_uq unique nulls not distinct (role_name, tenant_id),
  constraint role_tenants_tenant_fk foreign key (tenant_id) references waypost.tenants (id)
);

create table waypost.workflows (
  id              int generated always as identity,
  tenant_id       int not null,
  slug            text not null,          -- the definition's own `id`
  name            text not null,
  status          text not null default 'draft',
  version         int,                    -- the published version; null: none yet
  priority        smallint not null default 0,
  starts_at       timestamptz,            -- enrols only from here on ...
  ends_at         timestamptz,            -- ... and before this
  -- The enrollment rules of the published version, typed, because enroll() reads them in the app's transaction.
  allow_multiple  boolean not null default false,
  limit_count     int,
  limit_amount    int,                    -- enrollmentWindow; null: for ever
  limit_unit      text,
  reenroll_amount int,
  reenroll_unit   text,
  key_path        text[],                 -- enrollmentKey where it is a plain path below event.data
  key_required    boolean not null default false,  -- enrollmentKey is a template that SQL cannot render
  needs_ledger    boolean not null default false,
  created_at      timestamptz not null default clock_timestamp(),
  updated_at      timestamptz not null default clock_timestamp(),
  constraint workflows_pk primary key (id),
  constraint workflows_slug_uq unique (tenant_id, slug),
  constraint workflows_tenant_fk foreign key (tenant_id) references waypost.tenants (id),
  constraint workflows_status_ck check (status in ('draft', 'active', 'paused', 'archived'))
);

create table waypost.versions (
  workflow_id   int not null,
  version       int not null,
  tenant_id     int not null,
  definition    jsonb not null,           -- as deployed; immutable (I-10)
  steps         text[] not null,          -- step index -> step id: history and state hold indexes
  goals         text[] not null default '{}',
  checksum      text not null,
  created_at    timestamptz not null default clock_timestamp(),
  published_at  timestamptz,
  constraint versions_pk primary key (workflow_id, version),
  constraint versions_workflow_fk foreign key (workflow_id) references waypost.workflows (id)
);

-- What the published versions listen to: matching is a look-up here.
create table waypost.trigger_index (
  tenant_id    int not null,
  event_type   text not null,
  workflow_id  int not null,
  trigger_id   text not null,
  version      int not null,
  discriminator text not null default '', -- the config value that tells most apart (a form id ...); '': any
  config       jsonb not null default '{}', -- for timed triggers: what the planner reads in SQL
  constraint trigger_index_pk primary key (tenant_id, event_type, workflow_id, trigger_id, discriminator),
  constraint trigger_index_version_fk foreign key (workflow_id, version) references waypost.versions (workflow_id, version)
);

-- What published or still running versions depend on (waits, goals, exits, triggers): an event nobody reads is not written.
create table waypost.interests (
  tenant_id    int not null,
  event_type   text not null,
  field        text not null default '',  -- of contact.field.changed: the field; '': any
  workflow_id  int not null,
  version      int not null,
  constraint interests_pk primary key (tenant_id, event_type, field, workflow_id, version),
  constraint interests_version_fk foreign key (workflow_id, version) references waypost.versions (workflow_id, version)
);

-- Which event types are written though nobody reads them (for replay and backtest). No row: written, except
-- contact.updated and contact.field.changed.
create table waypost.recorded_events (
  tenant_id   int not null,
  event_type  text not null,
  recorded    boolean not null,
  constraint recorded_events_pk primary key (tenant_id, event_type),
  constraint recorded_events_tenant_fk foreign key (tenant_id) references waypost.tenants (id)
);

insert into waypost.tenants (name) values ('default');
