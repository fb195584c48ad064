-- A worker goes idle: emit and enroll NOTIFY until then. Not rewritten while it is armed long enough.
-- used by: store/doorbell.rs arm
-- locks:   the one row, for a moment, SKIP LOCKED (another worker is arming it)
-- index:   doorbell_pk
update waypost.doorbell d
   set armed_until = clock_timestamp() + interval '3 seconds'
 where d.one and d.armed_until < clock_timestamp() + interval '1500 milliseconds'
   and exists (select 1 from waypost.doorbell e where e.one for update skip locked)
