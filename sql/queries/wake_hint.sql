-- used by: store/doorbell.rs hint
-- locks:   none
-- index:   none
select last_value from waypost.wake_hint
