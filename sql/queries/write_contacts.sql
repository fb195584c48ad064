-- Tags put on and taken off, fields set: deltas, through the function that a team may replace.
-- used by: store/contacts.rs write
-- locks:   contacts already held
-- index:   the CRM's own primary key
select waypost.write_contacts($1::text[], $2::uuid[], $3::jsonb[], $4::jsonb[], $5::jsonb[])
