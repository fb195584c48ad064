-- No row names another tenant's workflow: the keys of the reference tables hold the tenant too (I-8). What else names
-- one is written by workers and by definer functions alone (sql/functions/secure.sql).
alter table waypost.workflows add constraint workflows_tenant_uq unique (tenant_id, id);
alter table waypost.versions add constraint versions_tenant_uq unique (tenant_id, workflow_id, version);
alter table waypost.versions drop constraint versions_workflow_fk;
alter table waypost.versions add constraint versions_workflow_fk
  foreign key (tenant_id, workflow_id) references waypost.workflows (tenant_id, id);
alter table waypost.trigger_index drop constraint trigger_index_version_fk;
alter table waypost.trigger_index add constraint trigger_index_version_fk
  foreign key (tenant_id, workflow_id, version) references waypost.versions (tenant_id, workflow_id, version);
alter table waypost.interests drop constraint interests_version_fk;
alter table waypost.interests add constraint interests_version_fk
  foreign key (tenant_id, workflow_id, version) references waypost.versions (tenant_id, workflow_id, version);

-- secure() makes these anew: they look at the workflow, batch and execution that a row names.
drop policy if exists versions_worker on waypost.versions;
drop policy if exists versions_tenant on waypost.versions;
drop policy if exists versions_owner on waypost.versions;
drop policy if exists trigger_index_worker on waypost.trigger_index;
drop policy if exists trigger_index_tenant on waypost.trigger_index;
drop policy if exists trigger_index_owner on waypost.trigger_index;
drop policy if exists interests_worker on waypost.interests;
drop policy if exists interests_tenant on waypost.interests;
drop policy if exists interests_owner on waypost.interests;
drop policy if exists batch_members_worker on waypost.batch_members;
drop policy if exists batch_members_tenant on waypost.batch_members;
drop policy if exists batch_members_owner on waypost.batch_members;

-- What became of a send that had ended in doubt, once somebody could say (sql/functions/settle.sql).
alter table waypost.deliveries
  add column settled_at timestamptz,      -- business time; null: it ended as it stands
  add column settled_by text;             -- callback, operator or late_reply
create index deliveries_settled on waypost.deliveries (execution_id) where settled_at is not null;

-- Restores of a backup: what began before one may have gone further in the time that was lost. Empty on most databases,
-- and never more than a row a restore.
create table waypost.restores (
  tenant_id  int not null,
  at         timestamptz not null,
  last_id    uuid not null,               -- executions up to this id began before the lost time ended
  lifted_at  timestamptz,                 -- from then on their sends are in doubt no more
  constraint restores_pk primary key (tenant_id, at),
  constraint restores_tenant_fk foreign key (tenant_id) references waypost.tenants (id)
);
