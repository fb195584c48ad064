-- What was enrolled before a restore sends as ever again.
-- used by: store/sends.rs lift_guard
-- locks:   the rows of the tenant's restores
-- index:   restores_pk
update waypost.restores r set lifted_at = clock_timestamp()
 where r.tenant_id = waypost.current_tenant_id() and r.lifted_at is null
