-- Tenants take turns: a claim that came back full looks at each tenant's own due rows, a few of each, so that
-- one with a million of them does not keep the others waiting (I-8).
create index runs_turns on waypost.runs (tenant_id, due_at) where due_at is not null;
