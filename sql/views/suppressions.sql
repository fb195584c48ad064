-- Who is kept out of workflows, by list
-- Called by: people, `waypost suppressions list`. Index: suppressed_pk.
create or replace view waypost.suppressions with (security_invoker = true) as
select t.name as tenant, s.list, s.kind, s.value, s.reason, s.expires_at, s.created_at
from waypost.suppressed s
join waypost.tenants t on t.id = s.tenant_id;
comment on view waypost.suppressions is 'Who is kept out of workflows, by list';
comment on column waypost.suppressions.tenant is 'Name of the tenant it belongs to';
comment on column waypost.suppressions.list is 'Name of the list; workflows look at global unless their suppressionLists say otherwise';
comment on column waypost.suppressions.kind is 'contact, email, domain or phone';
comment on column waypost.suppressions.value is 'A contact''s id, an address or a domain in lower case, or a telephone number''s digits';
comment on column waypost.suppressions.reason is 'For people';
comment on column waypost.suppressions.expires_at is 'Holds before this time; null: for ever';
comment on column waypost.suppressions.created_at is 'Business time';
