-- What the planner is to believe of the queues, whatever they hold when they are analysed: rows of one tenant are few.
-- While one tenant has nearly everything it would otherwise look for another's rows by time alone, through all of them:
-- seconds for each small tenant's turn beside a million due rows.
alter table waypost.runs        alter column tenant_id set (n_distinct = 10000);
alter table waypost.sends       alter column tenant_id set (n_distinct = 10000);
alter table waypost.timers      alter column tenant_id set (n_distinct = 10000);
alter table waypost.event_queue alter column tenant_id set (n_distinct = 10000);
