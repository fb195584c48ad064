-- used by: store/partitions.rs
-- locks:   the parents, for a moment each (lock_timeout holds), under an advisory lock that only saves double work
-- index:   none
select waypost.ensure_partitions($1)
