-- used by: store/partitions.rs, one day a transaction
-- locks:   waypost.drop_partition says which, and for how short
-- index:   none, it reads the day whole
select waypost.drop_partition($1)
