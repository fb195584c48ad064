-- Makes a version the published one; the typed rules are what enroll() reads in the application's transaction.
-- used by: store/rules.rs publish
-- locks:   the workflow's row (held already)
-- index:   workflows_pk
update waypost.workflows w
   set name = $2, status = $3, version = $4, priority = $5, starts_at = $6, ends_at = $7, allow_multiple = $8,
       limit_count = $9, limit_amount = $10, limit_unit = $11, reenroll_amount = $12, reenroll_unit = $13,
       key_path = $14, key_required = $15, needs_ledger = $16, updated_at = $17, pauses = $18::tstzmultirange,
       suppression_lists = $19, keep_starts = $20
 where w.id = $1
