-- One matcher a bucket: this lock is held to the end of the matching transaction (I-7).
-- used by: store/events.rs lock_buckets
-- locks:   buckets rows, SKIP LOCKED
-- index:   buckets_pk
select b.bucket from waypost.buckets b where b.bucket = any ($1::smallint[]) order by b.bucket for update skip locked
