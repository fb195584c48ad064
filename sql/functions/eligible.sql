-- The enrollment rules that need no ledger, for one candidate: workflow active, within dates and not in a pause, contact
-- there and not suppressed; and what the execution would be: bucket, live key, id. `reason` null: nothing speaks against
-- it but a live key that is taken, and, where `ledger`, what the ledger says.
-- p_key null: the workflow's own rule; p_source: the event or enrolment that the id derives from; p_event: its envelope.
-- Called by: enroll (one contact), enroll_batch (each of many), in whose plans it is put in place (tests/it/inlined.rs);
-- so it says that it is stable, though an id that is not given is a new one.
-- Locks: none. Index: workflows_pk, suppressed_pk, the contact mapping's own.
-- needs: bucket_of, home_bucket, assemble_id, millis, new_id, key_at, suppression_of
create or replace function waypost.eligible(
  p_tenant    int,
  p_name      text,
  p_workflow  int,
  p_contact   uuid,
  p_key       text,
  p_source    uuid,
  p_at        timestamptz,
  p_event     jsonb,
  p_priority  int,
  p_limited   boolean,
  p_now       timestamptz
) returns table (bucket smallint, version int, priority int, live text, id uuid, reason text, detail jsonb, ledger boolean,
                 timezone text)
language sql stable
begin atomic
  select x.b, x.version, x.priority, x.live, waypost.assemble_id(waypost.millis(x.at), x.b, x.hash),
         coalesce(x.reason, case when x.suppressed is not null then 'suppressed' end),
         case x.reason
           when 'workflow_not_started' then jsonb_build_object('startsAt', x.starts_at)
           when 'workflow_ended' then jsonb_build_object('endsAt', x.ends_at)
           when 'paused_dates' then jsonb_build_object('until', (select upper(r) from unnest(x.pauses) r where p_now <@ r))
           else case when x.reason is null then x.suppressed end
         end,
         x.ledger, x.timezone
  from (
    select x.*, case when x.allow_multiple then x.k || ':' || x.s::text else x.k end as live,
           sha256(convert_to(concat_ws(E'\x1f', p_name, x.slug, p_contact, x.k, x.s), 'UTF8')) as hash
    from (
      select coalesce(p_at, p_now) as at, w.slug, w.version, w.allow_multiple, w.starts_at, w.ends_at, w.pauses, c.timezone,
             coalesce(waypost.bucket_of(p_tenant, p_contact), waypost.home_bucket(p_tenant)) as b,
             coalesce(p_source, waypost.new_id()) as s,
             coalesce(p_key, waypost.key_at(p_event -> 'data', w.key_path), p_contact::text) as k,
             coalesce(p_priority, w.priority, 0) as priority,
             coalesce(w.needs_ledger, false) or p_limited as ledger,
             case when exists (select from waypost.suppressed s
                               where s.bucket = waypost.home_bucket(p_tenant) and s.tenant_id = p_tenant)
                  then waypost.suppression_of(p_tenant, w.suppression_lists, c.id, c.email, c.phone, p_now)
             end as suppressed,
             case
               when w.id is null then 'unknown_workflow'
               when w.status <> 'active' then 'workflow_' || w.status
               when w.version is null then 'workflow_unpublished'
               when p_now < w.starts_at then 'workflow_not_started'
               when p_now >= w.ends_at then 'workflow_ended'
               when p_now <@ w.pauses then 'paused_dates'
               when c.id is null then 'unknown_contact'
               when p_key is null and w.key_required then 'key_required'
             end as reason
      from (select) one
      left join waypost.workflows w on w.id = p_workflow and w.tenant_id = p_tenant
      left join lateral (select k.id, k.timezone, k.email, k.phone from waypost.contacts k
                         where k.tenant = p_name and k.id = p_contact limit 1) c on true
      offset 0) x
    offset 0) x;
end;
