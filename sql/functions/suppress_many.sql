-- Puts people on a suppression list; returns how many entries are new. Who stands on it already gets the new reason and
-- expiry. Kind: contact, email, domain or phone; null: what the value looks like. What runs already goes on.
-- Called by: suppress, `waypost suppressions`. Locks: the entries, in key order. Index: suppressed_pk.
-- needs: current_tenant, enter, require_tenant, home_bucket, now, suppression_value, suppression_kind
create or replace function waypost.suppress_many(
  contact_values  text[],
  kind            text default null,
  list            text default 'global',
  reason          text default null,
  expires_at      timestamptz default null,
  tenant          text default waypost.current_tenant()
) returns int
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant  int := waypost.require_tenant(suppress_many.tenant);
  v_scope   text;
  v_bad     text;
  v_new     int;
begin
  if coalesce(suppress_many.list, '') !~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$' then
    raise exception using errcode = 'WP002', message = 'a suppression list needs a name',
      hint = 'Letters, digits, "-", "_" and ".", at most 63, for example: global.';
  end if;
  select coalesce(x.v, 'null') into v_bad
  from (select u.v, coalesce(suppress_many.kind, waypost.suppression_kind(u.v)) as kind from unnest(contact_values) u(v)) x
  where waypost.suppression_value(x.kind, x.v) is null
  limit 1;
  if v_bad is not null then
    -- The value itself may be somebody's address: it is not repeated.
    raise exception using errcode = 'WP002',
      message = format('one of the values cannot be suppressed as %s',
                       coalesce(suppress_many.kind, 'contact, email, domain or phone')),
      hint = 'A contact''s id, an address, a domain such as example.com, or a telephone number; kind says which.';
  end if;
  v_scope := waypost.enter(v_tenant::text);
  insert into waypost.suppressed as s (bucket, tenant_id, kind, value, list, reason, expires_at, created_at)
  select distinct waypost.home_bucket(v_tenant), v_tenant, x.kind, waypost.suppression_value(x.kind, x.v),
         suppress_many.list, suppress_many.reason, suppress_many.expires_at, waypost.now(suppress_many.tenant)
  from (select u.v, coalesce(suppress_many.kind, waypost.suppression_kind(u.v)) as kind from unnest(contact_values) u(v)) x
  where not exists (select from waypost.suppressed k
                    where k.bucket = waypost.home_bucket(v_tenant) and k.tenant_id = v_tenant and k.kind = x.kind
                      and k.value = waypost.suppression_value(x.kind, x.v) and k.list = suppress_many.list)
  order by 3, 4
  on conflict on constraint suppressed_pk do nothing;
  get diagnostics v_new = row_count;
  update waypost.suppressed s set reason = suppress_many.reason, expires_at = suppress_many.expires_at
  from (select u.v, coalesce(suppress_many.kind, waypost.suppression_kind(u.v)) as kind from unnest(contact_values) u(v)) x
  where s.bucket = waypost.home_bucket(v_tenant) and s.tenant_id = v_tenant and s.kind = x.kind
    and s.value = waypost.suppression_value(x.kind, x.v) and s.list = suppress_many.list
    and (s.reason, s.expires_at) is distinct from (suppress_many.reason, suppress_many.expires_at);
  perform waypost.enter(v_scope);
  return v_new;
end
$$;
