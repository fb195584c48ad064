-- A step that enrols does not wait long for what an app may hold (a live key behind an open enroll).
-- used by: store/events.rs brief_locks, in a savepoint of store/others.rs
-- locks:   none
-- index:   none
select set_config('lock_timeout', '100ms', true)
