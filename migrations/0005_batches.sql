-- What an operator did to many executions at once: `waypost undo BATCH` finds here what to take back.

create table waypost.batches (
  bucket     smallint not null,           -- the tenant's home bucket
  id         uuid not null,
  tenant_id  int not null,
  verb       text not null,               -- pause, resume, cancel ...
  at         timestamptz not null,
  undone_at  timestamptz,
  constraint batches_pk primary key (bucket, id)
);

create table waypost.batch_members (
  bucket        smallint not null,
  batch_id      uuid not null,
  execution_id  uuid not null,
  tenant_id     int not null,
  constraint batch_members_pk primary key (bucket, batch_id, execution_id)
);
create index batch_members_batch on waypost.batch_members (batch_id, execution_id);
