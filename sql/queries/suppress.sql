-- used by: store/suppressions.rs add
-- locks:   as waypost.suppress_many
-- index:   suppressed_pk
select waypost.suppress_many($1::text[], $2, $3, $4, $5)
