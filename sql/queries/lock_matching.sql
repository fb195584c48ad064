-- Waits for the matchers under way and keeps new ones out to the end of this transaction: what they enrol may begin, and
-- end, without a row that anybody else could wait for.
-- used by: store/rules.rs publish
-- locks:   every bucket, in order; matchers pass locked ones over
-- index:   buckets_pk
select 1 from waypost.buckets b order by b.bucket for update
