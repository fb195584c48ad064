-- Says, for the rest of this transaction, which execution writes to which contact: the CRM's events carry it.
-- used by: store/contacts.rs write
-- locks:   none
-- index:   none
select set_config('waypost.cause', $1, true)
