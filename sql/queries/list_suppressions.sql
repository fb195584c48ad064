-- A page of entries, behind ($3, $4, $5).
-- used by: store/suppressions.rs list
-- locks:   none
-- index:   suppressed_pk for the tenant, sorted
select s.list, s.kind, s.value, s.reason, s.expires_at, s.created_at
  from waypost.suppressions s
 where s.tenant = $1 and ($2::text is null or s.list = $2)
   and ($3::text is null or (s.list, s.kind, s.value) > ($3, $4::text, $5::text))
 order by s.list, s.kind, s.value
 limit $6
