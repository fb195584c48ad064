-- Drops one day of one partitioned table, but for the rows that are still needed: those move to a partition that holds
-- nothing else (the same name and _kept), which goes as a whole when none of them is needed any more.
-- Needed are the history of live executions, sends that ended unknown and what is known of open ones, and an end that
-- somebody waits for. Where an older day has rows of an execution, newer ones stay too: history never has a gap.
-- Answers dropped, thinned, needed (nothing changed), busy (somebody reads the day; nothing changed) or gone.
-- Called by: drop_partitions, the janitor (one day a transaction).
-- Locks: the day in SHARE mode while its rows are looked at; then, for a moment, the table, its default partition and
-- the day (ACCESS EXCLUSIVE). While that is waited for writers wait behind it: therefore 100 ms at the most, and
-- not at all where somebody reads the day already. Index: none, it reads the day whole, by hash.
-- needs: enter, secure, refused_at_start
create or replace function waypost.drop_partition(p_name text) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
  set lock_timeout = '100ms' set timezone = 'UTC'
  set enable_seqscan = on set enable_hashjoin = on set enable_mergejoin = on set enable_sort = on
as $$
declare
  v_parent     text := substring(p_name from '^(.*)_[0-9]{8}(?:_kept)?$');
  v_from       timestamptz := to_date(substring(p_name from '_([0-9]{8})(?:_kept)?$'), 'YYYYMMDD')::timestamptz;
  v_to         timestamptz := v_from + interval '1 day';
  v_oid        oid;
  v_column     text;
  v_needed     text[];
  v_condition  text;
  v_kept       text;
  v_found      boolean;
  v_rows       bigint := 0;
  v_count      bigint;
  v_result     text;
  v_id         text := case v_parent when 'bursts' then 'execution_id' else 'id' end;
  v_ended      text := 'count(*) filter (where not waypost.refused_at_start(x.reason) and x.status = 4) as completed,
    count(*) filter (where not waypost.refused_at_start(x.reason) and x.status = 5) as exited, count(*) filter (where not waypost.refused_at_start(x.reason) and x.status = 6) as cancelled,
    count(*) filter (where not waypost.refused_at_start(x.reason) and x.status = 7) as failed, 0 as blocked,
    coalesce(sum(cardinality(array_positions(x.kinds, 7::smallint))), 0) as goals,
    coalesce(sum(x.finished_at - x.enrolled_at) filter (where not waypost.refused_at_start(x.reason) and x.status = 4), ''0'') as took';
  v_goals      text := '0 as completed, 0 as exited, 0 as cancelled, 0 as failed, 0 as blocked,
    sum(cardinality(array_positions(x.kinds, 7::smallint))) as goals, interval ''0'' as took';
  v_blocked    text := '0 as completed, 0 as exited, 0 as cancelled, 0 as failed,
    count(*) filter (where x.reason <> ''duplicate'') as blocked, 0 as goals, interval ''0'' as took';
  v_scope      text;
begin
  perform pg_catalog.pg_advisory_xact_lock(x'77617970'::int, 1);
  select c.oid, a.attname into v_oid, v_column
  from pg_catalog.pg_class c
  join pg_catalog.pg_inherits i on i.inhrelid = c.oid
  join pg_catalog.pg_partitioned_table p on p.partrelid = i.inhparent
  join pg_catalog.pg_class t on t.oid = p.partrelid
  join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum = p.partattrs[0]
  where c.relnamespace = 'waypost'::regnamespace and c.relname = p_name and t.relname = v_parent;
  if not found then
    return 'gone';
  end if;
  if exists (select from pg_catalog.pg_locks l
             join pg_catalog.pg_database d on d.oid = l.database and d.datname = pg_catalog.current_database()
             where l.relation = v_oid and l.mode = 'AccessShareLock' and l.granted and l.pid <> pg_catalog.pg_backend_pid())
  then
    return 'busy';
  end if;

  v_needed := case v_parent
    when 'bursts' then array[
      '(x.bucket, x.execution_id) in (select r.bucket, r.id from waypost.runs r)',
      format('(x.bucket, x.execution_id) in (select b.bucket, b.execution_id from waypost.bursts b where b.at < %L)', v_from)]
    when 'finished' then array[
      '(x.bucket, x.id) in (select a.bucket, a.child_id from waypost.awaited a)']
    when 'deliveries' then array[
      'x.state = 5',
      '(x.bucket, x.execution_id) in (select r.bucket, r.id from waypost.runs r)']
    when 'attempt_log' then array[
      '(x.bucket, x.outbox_id) in (select s.bucket, s.id from waypost.sends s)',
      '(x.bucket, x.outbox_id) in (select d.bucket, d.id from waypost.deliveries d where d.state = 5)']
    else '{}' end;
  v_scope := waypost.enter('*');
  begin
    execute format('lock table waypost.%I in share mode', p_name);
    if p_name like '%\_kept' then
      foreach v_condition in array v_needed loop
        execute format('select exists (select from waypost.%I x where %s)', p_name, v_condition) into v_found;
        v_result := case when v_found then 'needed' else v_result end;
      end loop;
    elsif v_needed <> '{}' then
      v_kept := p_name || '_kept';
      execute format('create table waypost.%1$I (like waypost.%2$I including all,
                        constraint %1$I check (%3$I is not null and %3$I >= %4$L and %3$I < %5$L))',
                     v_kept, p_name, v_column, v_from, v_to);
      foreach v_condition in array v_needed loop
        execute format('insert into waypost.%I select x.* from waypost.%I x where %s on conflict do nothing',
                       v_kept, p_name, v_condition);
        get diagnostics v_count = row_count;
        v_rows := v_rows + v_count;
      end loop;
      if v_rows = 0 then
        execute format('drop table waypost.%I', v_kept);
      else
        perform waypost.secure();
      end if;
    end if;

    if v_result is null then
      -- The figures of what goes are kept apart, so that what the tables hold can be counted again.
      if v_parent in ('finished', 'bursts', 'blocks') then
        execute format(
          'with gone as (select x.tenant_id, x.workflow_id, %s from waypost.%I x where not exists (%s) group by 1, 2)
           insert into waypost.workflow_changes
             (tenant_id, workflow_id, forgotten, completed, exited, cancelled, failed, blocked, goals, completion_time)
           select g.tenant_id, g.workflow_id, s.forgotten, s.sign * g.completed, s.sign * g.exited, s.sign * g.cancelled,
                  s.sign * g.failed, s.sign * g.blocked, s.sign * g.goals, s.sign * g.took
           from gone g, (values (true, 1), (false, -1)) s(forgotten, sign)',
          case v_parent when 'finished' then v_ended when 'bursts' then v_goals else v_blocked end, p_name,
          case when v_rows > 0 then format('select from waypost.%I k where k.bucket = x.bucket and k.%I = x.%2$I
                                              and k.%3$I = x.%3$I and %s', v_kept, v_id, v_column,
                                           case v_parent when 'bursts' then 'k.seq = x.seq' else 'true' end)
               else 'select where false' end);
      end if;
      execute format('lock table waypost.%I in access exclusive mode', v_parent);
      execute format('alter table waypost.%I detach partition waypost.%I', v_parent, p_name);
      execute format('drop table waypost.%I', p_name);
      if v_rows > 0 then
        execute format('alter table waypost.%I attach partition waypost.%I for values from (%L) to (%L)',
                       v_parent, v_kept, v_from, v_to);
        execute format('alter table waypost.%1$I drop constraint %1$I', v_kept);
      end if;
      insert into waypost.whole_since as w (kind, since) values (v_parent, v_to)
      on conflict on constraint whole_since_pk do update set since = greatest(w.since, excluded.since);
      v_result := case when v_rows > 0 then 'thinned' else 'dropped' end;
    end if;
  exception when lock_not_available then
    v_result := 'busy';
  end;
  perform waypost.enter(v_scope);
  return v_result;
end
$$;
