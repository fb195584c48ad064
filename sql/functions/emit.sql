-- One event in the caller's transaction; returns its id, or the existing one when the dedupe key was seen.
-- A contact that nobody knows is fine: it is a fact all the same. Without a contact: the tenant's own event.
-- Called by: applications, in SQL. Locks: its event_keys row, with a dedupe key. Index: event_keys_pk.
-- needs: current_tenant, now, require_tenant, emit_batch, ring
create or replace function waypost.emit(
  type         text,
  contact_id   uuid,
  data         jsonb default '{}',
  dedupe_key   text default null,
  occurred_at  timestamptz default null,
  wake         boolean default false,
  tenant       text default waypost.current_tenant()
) returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant  int;
  v_cause   text;
  v_bucket  smallint;
  v_id      uuid;
  v_at      timestamptz;
  v_scope   text;
begin
  if emit.dedupe_key is not null or emit.type is null or emit.type = '' then
    return (select e from waypost.emit_batch(emit.tenant, array[emit.type], array[emit.contact_id], array[emit.data],
              array[emit.dedupe_key], array[emit.occurred_at], emit.wake) e);
  end if;
  -- The common case without a set in it: this is on the path of every write of an application.
  v_tenant := waypost.require_tenant(emit.tenant);
  v_scope := waypost.enter(v_tenant::text);
  v_at := coalesce(emit.occurred_at, waypost.now(emit.tenant));
  v_bucket := case when emit.contact_id is null then waypost.home_bucket(v_tenant)
                   else waypost.bucket_of(v_tenant, emit.contact_id) end;
  v_id := waypost.assemble_id(waypost.millis(v_at), v_bucket, uuid_send(gen_random_uuid()));
  v_cause := nullif(current_setting('waypost.cause', true), '');
  insert into waypost.event_queue
    (bucket, recorded_at, id, tenant_id, contact_id, type, occurred_at, data, cause, source)
  values (v_bucket, clock_timestamp(), v_id, v_tenant, emit.contact_id, emit.type, v_at,
          coalesce(emit.data, '{}'), v_cause::jsonb -> emit.contact_id::text, 'sql');
  perform waypost.ring(emit.wake, 'match');
  perform waypost.enter(v_scope);
  return v_id;
end
$$;
