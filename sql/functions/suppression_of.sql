-- The entry of a suppression list that keeps a contact out, as the numbers of its refusal; null: none does.
-- The first by list and kind, so that the answer is always the same. No personal value is part of it.
-- Called by: enroll_batch, where the tenant suppresses anybody. Locks: none. Index: suppressed_pk.
-- needs: home_bucket, suppression_value
create or replace function waypost.suppression_of(
  p_tenant int, p_lists text[], p_contact uuid, p_email text, p_phone text, p_now timestamptz
) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select jsonb_strip_nulls(jsonb_build_object('list', s.list, 'kind', s.kind, 'reason', s.reason,
                                              'expiresAt', s.expires_at))
  from (values ('contact', waypost.suppression_value('contact', p_contact::text)),
               ('email', waypost.suppression_value('email', p_email)),
               ('domain', waypost.suppression_value('domain', split_part(p_email, '@', 2))),
               ('phone', waypost.suppression_value('phone', p_phone))) v(kind, value)
  join waypost.suppressed s on s.bucket = waypost.home_bucket(p_tenant) and s.tenant_id = p_tenant
    and s.kind = v.kind and s.value = v.value and s.list = any(p_lists)
  where s.expires_at is null or s.expires_at > p_now
  order by s.list, s.kind
  limit 1
$$;
