-- Visitors begin forms; `submitted` ones are sent in at once.
-- used by: app/demo/crm.rs write
-- locks:   the new rows
-- index:   none
insert into crm.form_submissions (id, contact_id, form_id, session_id, status, submitted_at, page)
select u.id, u.contact, u.form, 'session-' || u.id, case when u.sent then 'submitted' else 'started' end,
       case when u.sent then $5::timestamptz end, '/' || u.form
  from unnest($1::uuid[], $2::uuid[], $3::text[], $4::boolean[]) u(id, contact, form, sent)
