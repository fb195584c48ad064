-- Executions whose end a step of another one waits for (enroll_in_workflow with waitForEnd).
create table waypost.awaited (
  bucket     smallint not null,           -- of the contact, which both have in common
  child_id   uuid not null,               -- the execution that is waited for
  tenant_id  int not null,
  parent_id  uuid not null,               -- the one that waits
  seq        int not null,                -- its history entry that began the wait
  workflow   text not null,               -- id of the child's workflow, as the step named it
  outputs    text[] not null,             -- variables of the child that the step takes over
  at         timestamptz not null,
  constraint awaited_pk primary key (bucket, child_id)
);
