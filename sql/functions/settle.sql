-- Settles a send by its key (the outbox id), once somebody knows what became of it: `sent` or `failed`. Returns how it
-- stands. A send that ended in doubt is settled in the outbox and in the history, never in the path; one that is still
-- open ends here, and its execution is told. The same again changes nothing; what is certain otherwise is refused.
-- Called by: applications that a provider calls back, operators. Locks: the outbox row. Index: sends_pk, deliveries_pk.
-- needs: current_tenant, enter, require_tenant, bucket_in, now, ring, outbox_state_name
create or replace function waypost.settle(
  key      uuid,
  outcome  text,
  detail   jsonb default null,
  source   text default 'callback',
  tenant   text default waypost.current_tenant()
) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant  int := waypost.require_tenant(settle.tenant);
  v_scope   text := waypost.enter(v_tenant::text);
  v_bucket  smallint := waypost.bucket_in(settle.key);
  v_state   smallint := case lower(settle.outcome) when 'sent' then 3 when 'failed' then 4 end;
  v_source  text := lower(settle.source);
  v_now     timestamptz := waypost.now(settle.tenant);
  v_error   text;
  v_send    waypost.sends;
  v_sent    waypost.deliveries;
begin
  if v_state is null then
    raise exception using errcode = 'WP021', message = format('%L is no outcome of a send', settle.outcome),
      hint = 'It is sent or failed.';
  end if;
  if v_source is null or v_source not in ('callback', 'operator') then
    raise exception using errcode = 'WP021', message = format('%L is no source of an outcome', settle.source),
      hint = 'It is callback or operator.';
  end if;
  v_error := case when v_state = 4 then 'settled_by_' || v_source end;

  -- Waits for a T3 that is just being committed, and then finds the row where that has put it.
  select s.* into v_send from waypost.sends s
  where s.bucket = v_bucket and s.id = settle.key and s.tenant_id = v_tenant
  for update;
  if found then
    if v_source = 'operator' or (v_send.attempt = 0 and not v_send.doubt) then
      raise exception using errcode = 'WP022',
        message = format('the outbox row %s is %s: nobody can know yet', v_send.id,
                         waypost.outbox_state_name(v_send.state)),
        hint = case when v_source = 'operator' then 'It will end by itself.' else 'It has not been sent.' end;
    end if;
    delete from waypost.sends s where s.bucket = v_send.bucket and s.id = v_send.id;
    -- Whoever has it on the wire is late from now on: fence + 1.
    insert into waypost.deliveries
      (bucket, id, execution_id, seq, tenant_id, workflow_id, version, contact_id, step, action, policy, state, fence,
       attempt, created_at, first_at, claimed_at, finished_at, request, response, error, settled_by)
    values (v_send.bucket, v_send.id, v_send.execution_id, v_send.seq, v_tenant, v_send.workflow_id, v_send.version,
       v_send.contact_id, v_send.step, v_send.action, v_send.policy, v_state, v_send.fence + 1, v_send.attempt,
       v_send.created_at, v_send.first_at, v_send.claimed_at, v_now, v_send.request, settle.detail, v_error, v_source);
    insert into waypost.wakes (bucket, execution_id, kind, seq, tenant_id, input, at)
    select r.bucket, r.id, 0, v_send.seq, v_tenant,
           jsonb_build_object('seq', v_send.seq, 'outcome', lower(settle.outcome), 'response', settle.detail,
             'error', v_error, 'message', case when v_state = 4 then 'the provider said so later' end), v_now
    from waypost.runs r where r.bucket = v_send.bucket and r.id = v_send.execution_id
    on conflict on constraint wakes_pk do nothing;
    perform waypost.ring(false, 'run');
    perform waypost.enter(v_scope);
    return waypost.outbox_state_name(v_state);
  end if;

  select d.* into v_sent from waypost.deliveries d
  where d.bucket = v_bucket and d.id = settle.key and d.tenant_id = v_tenant
  order by d.finished_at desc limit 1
  for update;
  if not found then
    raise exception using errcode = 'WP023', message = format('there is no outbox row %s', settle.key),
      hint = 'waypost.outbox lists them; it may belong to another tenant.';
  end if;
  if v_sent.state = 5 then
    update waypost.deliveries d
       set state = v_state, error = v_error, response = coalesce(settle.detail, d.response),
           settled_at = v_now, settled_by = v_source
     where d.bucket = v_sent.bucket and d.id = v_sent.id and d.finished_at = v_sent.finished_at;
    insert into waypost.attempt_log (bucket, outbox_id, tenant_id, fence, claimed_at, at, verdict, error, response)
    values (v_sent.bucket, v_sent.id, v_tenant, v_sent.fence, v_sent.claimed_at, clock_timestamp(),
            case when v_state = 3 then 'ok' else 'rejected' end, 'settled_by_' || v_source, settle.detail);
    v_sent.state := v_state;
  -- What was withheld or cancelled certainly did not happen either.
  elsif v_sent.state <> v_state and not (v_state = 4 and v_sent.state in (6, 7)) then
    raise exception using errcode = 'WP022',
      message = format('the outbox row %s is %s: that is certain', v_sent.id, waypost.outbox_state_name(v_sent.state)),
      hint = 'Only one whose outcome is unknown can be settled otherwise.';
  end if;
  perform waypost.enter(v_scope);
  return waypost.outbox_state_name(v_sent.state);
end
$$;
