-- History, one row a burst: what stands in bursts, and the last burst of each ended execution, which rides in its row
-- Called by: other views, functions and checks. Index: bursts_pk and finished_pk for one execution.
create or replace view waypost.all_bursts with (security_invoker = true) as
select b.bucket, b.execution_id, b.seq, b.tenant_id, b.workflow_id, b.at, b.steps, b.kinds, b.results
from waypost.bursts b
union all
select f.bucket, f.id, f.burst_seq, f.tenant_id, f.workflow_id, f.finished_at, f.steps, f.kinds, f.results
from waypost.finished f
where f.burst_seq is not null;
comment on view waypost.all_bursts is 'History, one row a burst';
comment on column waypost.all_bursts.bucket is 'Bucket of the execution';
comment on column waypost.all_bursts.execution_id is 'The execution';
comment on column waypost.all_bursts.seq is 'Number of the first entry within the execution';
comment on column waypost.all_bursts.tenant_id is 'Number of the tenant it belongs to';
comment on column waypost.all_bursts.workflow_id is 'Number of the workflow';
comment on column waypost.all_bursts.at is 'Business time';
comment on column waypost.all_bursts.steps is 'Step of each entry, from 0; the goal of a goal:achieved; -1 for the execution itself';
comment on column waypost.all_bursts.kinds is 'What each entry is: waypost.entry_name';
comment on column waypost.all_bursts.results is 'What each entry returned, an array; null: none did';
