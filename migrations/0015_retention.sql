-- Retention by itself: since when each kind of history is whole. Written by the transaction that drops a day.
create table waypost.whole_since (
  kind   text not null,                   -- the partitioned table
  since  timestamptz not null,            -- the end of the last day that was dropped
  constraint whole_since_pk primary key (kind)
);
