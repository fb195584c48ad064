-- used by: store/suppressions.rs remove
-- locks:   as waypost.unsuppress
-- index:   suppressed_pk
select waypost.unsuppress($1, $2, $3)
