-- used by: store/contacts.rs write
-- locks:   none
-- index:   none
select waypost.add_notes($1::text[], $2::uuid[], $3::text[])
