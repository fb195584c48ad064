-- The CRM rows that a batch will write, without waiting for a lock that an app can hold.
-- used by: store/contacts.rs lock
-- locks:   the contacts, in id order, SKIP LOCKED
-- index:   the CRM's own primary key
select id from waypost.lock_contacts($1::text[], $2::uuid[]) id
