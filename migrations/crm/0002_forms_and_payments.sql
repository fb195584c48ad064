-- The reference CRM: forms with their submissions, and payments.
create table crm.forms (
  tenant_id   text not null default waypost.current_tenant(),
  id          text not null,
  name        text not null,
  created_at  timestamptz not null default waypost.now(),
  constraint forms_pk primary key (tenant_id, id)
);

-- form_id names a form of crm.forms or of somewhere else: a submission is a fact either way.
create table crm.form_submissions (
  tenant_id     text not null default waypost.current_tenant(),
  id            uuid not null default waypost.new_id(),
  form_id       text not null,
  session_id    text,
  contact_id    uuid,
  status        text not null default 'started',
  started_at    timestamptz not null default waypost.now(),
  submitted_at  timestamptz,
  fields        jsonb not null default '{}',
  page          text,
  constraint form_submissions_pk primary key (tenant_id, id),
  constraint form_submissions_contact_fk foreign key (tenant_id, contact_id)
    references crm.contacts (tenant_id, id) on delete cascade,
  constraint form_submissions_status_ck check (status in ('started', 'submitted', 'abandoned'))
);
create index form_submissions_contact on crm.form_submissions (contact_id, tenant_id);
create index form_submissions_open on crm.form_submissions (form_id, tenant_id) where status = 'started';

create table crm.payments (
  tenant_id     text not null default waypost.current_tenant(),
  id            uuid not null default waypost.new_id(),
  contact_id    uuid,
  amount        numeric not null,
  currency      text not null default 'USD',
  status        text not null default 'succeeded',
  method        text,
  product       text,
  invoice_id    text,
  failure_code  text,
  paid_at       timestamptz,
  created_at    timestamptz not null default waypost.now(),
  constraint payments_pk primary key (tenant_id, id),
  constraint payments_contact_fk foreign key (tenant_id, contact_id)
    references crm.contacts (tenant_id, id) on delete cascade,
  constraint payments_status_ck check (status in ('pending', 'succeeded', 'failed', 'refunded'))
);
create index payments_contact on crm.payments (contact_id, tenant_id);
