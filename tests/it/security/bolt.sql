-- bolt: a workflow, a contact and an execution.
set waypost.tenant = 'bolt';
insert into crm.contacts (id, email) values ('bbbbbbbb-0000-7000-8000-000000000001', 'one@bolt.example');
insert into waypost.workflows (tenant_id, slug, name, status, version)
values (waypost.current_tenant_id(), 'bolt-flow', 'bolt', 'active', 1);
insert into waypost.versions (workflow_id, version, tenant_id, definition, steps, goals, checksum, published_at)
select w.id, 1, w.tenant_id, '{}', '{a,b}', '{g}', '', clock_timestamp()
from waypost.workflows w where w.slug = 'bolt-flow';
select waypost.enroll('bolt-flow', 'bbbbbbbb-0000-7000-8000-000000000001', 'bolt-live');
reset waypost.tenant;
