-- Figures of each workflow that outlive its executions, and are there without counting them: what workflow_stats adds up.
-- Live executions are not in it: they are counted where they stand.
create table waypost.workflow_counts (
  bucket           smallint not null,     -- the tenant's home bucket
  tenant_id        int not null,
  workflow_id      int not null,
  forgotten        boolean not null,      -- true: of what retention dropped; false: of what the tables still hold
  completed        bigint not null,
  exited           bigint not null,
  cancelled        bigint not null,
  failed           bigint not null,
  blocked          bigint not null,       -- enrolments refused, duplicates left out
  goals            bigint not null,       -- goals achieved, by live executions too
  completion_time  interval not null,     -- of the completed ones, summed up
  constraint workflow_counts_pk primary key (bucket, tenant_id, workflow_id, forgotten)
);

-- What has come to those figures and is not in them yet: written by the transaction that makes it so, one row a workflow,
-- never updated, so that nobody waits for anybody; the janitor adds the rows up and deletes them. No bucket and no index:
-- nothing is looked up here, and the table is all but empty.
create table waypost.workflow_changes (
  tenant_id        int not null,
  workflow_id      int not null,
  forgotten        boolean not null default false,
  completed        bigint not null default 0,
  exited           bigint not null default 0,
  cancelled        bigint not null default 0,
  failed           bigint not null default 0,
  blocked          bigint not null default 0,
  goals            bigint not null default 0,
  completion_time  interval not null default '0'
);

-- What is there already, counted once; waypost.recount_workflows does the same later.
select set_config('waypost.scope', '*', true);
insert into waypost.workflow_changes
       (tenant_id, workflow_id, completed, exited, cancelled, failed, goals, blocked, completion_time)
select x.tenant_id, x.workflow_id, sum(x.completed), sum(x.exited), sum(x.cancelled), sum(x.failed), sum(x.goals),
       sum(x.blocked), sum(x.took)
  from (select f.tenant_id, f.workflow_id, count(*) filter (where f.status = 4) as completed,
               count(*) filter (where f.status = 5) as exited, count(*) filter (where f.status = 6) as cancelled,
               count(*) filter (where f.status = 7) as failed, 0 as goals, 0 as blocked,
               coalesce(sum(f.finished_at - f.enrolled_at) filter (where f.status = 4), '0') as took
          from waypost.finished f
         where coalesce(f.reason, '') not in ('entry_conditions', 'workflow_limit')
         group by 1, 2
        union all
        select f.tenant_id, f.workflow_id, 0, 0, 0, 0, count(*), 0, '0'
          from waypost.finished f, unnest(f.kinds) k where k = 7 group by 1, 2
        union all
        select b.tenant_id, b.workflow_id, 0, 0, 0, 0, count(*), 0, '0'
          from waypost.bursts b, unnest(b.kinds) k where k = 7 group by 1, 2
        union all
        select b.tenant_id, b.workflow_id, 0, 0, 0, 0, 0, count(*), '0'
          from waypost.blocks b where b.reason <> 'duplicate' group by 1, 2) x
 group by 1, 2;
select set_config('waypost.scope', '', true);
