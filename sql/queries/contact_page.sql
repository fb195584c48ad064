-- Contacts of a tenant in the order of their ids, page by page.
-- used by: store/contacts.rs page
-- locks:   none
-- index:   contacts_pk, in the reference CRM
select c.id from waypost.contacts c where c.tenant = $1 and c.id > $2 order by c.id limit $3
