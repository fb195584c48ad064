-- The variant that a contact got at a sticky split: honoured over executions and versions while it exists.
-- Written only by workflows that have such a split.

create table waypost.choices (
  bucket       smallint not null,
  tenant_id    int not null,
  contact_id   uuid not null,
  workflow_id  int not null,
  step         text not null,              -- the split's id, which outlives versions
  variant      text not null,
  chosen_at    timestamptz not null,
  constraint choices_pk primary key (bucket, tenant_id, contact_id, workflow_id, step)
);
