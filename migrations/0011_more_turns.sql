-- Tenants take turns with their events, sends and timers as they do with due executions (0010): while there is more to
-- do than one round takes, every tenant's oldest come first, a few of each (I-8).
create index event_queue_turns on waypost.event_queue (tenant_id, recorded_at, id);
create index sends_turns on waypost.sends (tenant_id, due_at) where state = 0;
create index timers_turns on waypost.timers (tenant_id, due_at);
