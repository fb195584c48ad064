-- An answer that was noted as stale because its row stayed held, by a T3 of whose COMMIT nobody heard: the row was got
-- after all, and what is recorded now is the answer itself.
-- used by: store/outbox.rs forget_stale
-- locks:   the notes; their sends rows are held
-- index:   attempt_log_pk (prefix)
delete from waypost.attempt_log a
 using unnest($1::smallint[], $2::uuid[], $3::int[]) x(b, i, f)
 where a.bucket = x.b and a.outbox_id = x.i and a.fence = x.f and a.verdict in ('stale', 'stale_ok')
