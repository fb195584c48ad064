-- Visitors send in what they began.
-- used by: app/demo/crm.rs write
-- locks:   the submissions
-- index:   form_submissions_pk
update crm.form_submissions s set status = 'submitted', submitted_at = $3
  from unnest($1::uuid[]) u(id)
 where s.tenant_id = $2 and s.id = u.id
