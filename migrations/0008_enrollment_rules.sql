-- Further rules of enrollment: pauses, suppression lists, a limit for a whole workflow.
alter table waypost.workflows
  add column pauses             tstzmultirange,  -- enrols nobody and runs nothing meanwhile; null: never
  add column suppression_lists  text[] not null default '{global}',  -- who stands on one of these does not enrol
  add column keep_starts        int not null default 0;  -- as many starts the ledger keeps, where needs_ledger

-- Who is not to be enrolled, by list. In the tenant's home bucket: one look-up finds all that may hold for a contact.
create table waypost.suppressed (
  bucket      smallint not null,
  tenant_id   int not null,
  kind        text not null,              -- contact, email, domain or phone
  value       text not null,              -- as waypost.suppression_value writes it
  list        text not null,
  reason      text,
  expires_at  timestamptz,                -- business time; null: never
  created_at  timestamptz not null,       -- business time
  constraint suppressed_pk primary key (bucket, tenant_id, kind, value, list),
  constraint suppressed_kind_ck check (kind in ('contact', 'email', 'domain', 'phone'))
);

-- The limit of a whole workflow: its row is taken by first bursts, never in an app's transaction.
create table waypost.workflow_limits (
  bucket        smallint not null,        -- the tenant's home bucket
  tenant_id     int not null,
  workflow_id   int not null,
  used          bigint not null,          -- starts that count now: those of workflow_starts; without a window, all
  limit_amount  int,                      -- the window that `used` was counted for; null: for ever
  limit_unit    text,
  constraint workflow_limits_pk primary key (bucket, tenant_id, workflow_id)
);

-- Starts within the window, one row for those of one commit; deleted by the first burst that finds them outside.
create table waypost.workflow_starts (
  bucket        smallint not null,
  tenant_id     int not null,
  workflow_id   int not null,
  at            timestamptz not null,
  starts        int not null,
  constraint workflow_starts_pk primary key (bucket, tenant_id, workflow_id, at)
);
