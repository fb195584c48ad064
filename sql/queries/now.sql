-- used by: store/clock.rs database_now
-- locks:   none
-- index:   none
select clock_timestamp()
