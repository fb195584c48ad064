-- used by: store/partitions.rs, one table a transaction
-- locks:   the table and its default partition, for a moment (lock_timeout holds), under an advisory lock that only
--          saves double work
-- index:   none
select waypost.ensure_partitions($1, $2)
