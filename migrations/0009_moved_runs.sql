-- Live executions that a deploy moved to another version: what undo puts back, and which entries of their history were
-- written under which version.

create table waypost.moved_runs (
  bucket        smallint not null,
  execution_id  uuid not null,
  batch_id      uuid not null,
  tenant_id     int not null,
  workflow_id   int not null,
  before_seq    int not null,             -- history entries before this one are of from_version
  from_version  int not null,
  to_version    int not null,
  status        smallint not null,        -- as it stood before: this and what follows
  node          int not null,
  due_at        timestamptz,
  before        jsonb not null,           -- those members of its state that the move changed; null: it had none
  constraint moved_runs_pk primary key (bucket, execution_id, batch_id)
);
create index moved_runs_batch on waypost.moved_runs (batch_id, bucket, execution_id);
