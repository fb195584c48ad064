-- used by: store/operate.rs batch_members
-- locks:   none
-- index:   batch_members_batch
select m.execution_id from waypost.batch_members m
 where m.batch_id = $1 and ($2::uuid is null or m.execution_id > $2) order by m.execution_id limit $3
