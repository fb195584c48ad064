-- The reference CRM: contacts with custom fields and tags, and notes. Its rows belong to a tenant by name.
create table crm.custom_fields (
  tenant_id  text not null default waypost.current_tenant(),
  name       text not null,
  type       text not null,
  constraint custom_fields_pk primary key (tenant_id, name),
  constraint custom_fields_type_ck check (type in ('text', 'number', 'boolean', 'date', 'datetime'))
);

create table crm.contacts (
  tenant_id           text not null default waypost.current_tenant(),
  id                  uuid not null default waypost.new_id(),
  external_id         text,                -- the team's own key, where it is no UUID
  email               text,
  phone               text,
  first_name          text,
  last_name           text,
  full_name           text generated always as
                        (nullif(btrim(coalesce(first_name, '') || ' ' || coalesce(last_name, '')), '')) stored,
  company_name        text,
  timezone            text,
  tags                text[] not null default '{}',
  source              text,
  dnd                 jsonb not null default '{}',  -- {"all"|"email"|"sms"|"call"|"whatsapp": true}
  address1            text,
  city                text,
  state               text,
  postal_code         text,
  country             text,
  birth_date          date,
  owner_id            text,
  last_purchase_date  timestamptz,         -- kept by crm.payments
  custom_fields       jsonb not null default '{}',
  created_at          timestamptz not null default waypost.now(),
  updated_at          timestamptz not null default waypost.now(),
  constraint contacts_pk primary key (tenant_id, id),
  constraint contacts_dnd_ck check (jsonb_typeof(dnd) = 'object'),
  constraint contacts_custom_fields_ck check (jsonb_typeof(custom_fields) = 'object')
);
-- Partial, so that no look-up by (tenant, id) can take one of them: on a table that was empty when last analysed the
-- planner did, and read all of a tenant's contacts for each (27 s instead of 1 s for 20,000 enrolments).
-- And what tells rows apart comes first, for the same reason.
create unique index contacts_external_uq on crm.contacts (external_id, tenant_id) where external_id is not null;
create index contacts_email on crm.contacts (lower(email), tenant_id) where email is not null;
create index contacts_phone on crm.contacts (phone, tenant_id) where phone is not null;

create table crm.notes (
  tenant_id   text not null default waypost.current_tenant(),
  id          uuid not null default waypost.new_id(),
  contact_id  uuid not null,
  body        text not null,
  created_at  timestamptz not null default waypost.now(),
  constraint notes_pk primary key (tenant_id, id),
  constraint notes_contact_fk foreign key (tenant_id, contact_id) references crm.contacts (tenant_id, id) on delete cascade
);
create index notes_contact on crm.notes (contact_id, tenant_id);
