-- used by: store/operate.rs explain
-- locks:   none
-- index:   events_contact, blocks_contact, runs_live_uq, bursts_pk
select x.at, x.stage, x.outcome, x.reason, x.detail from waypost.explain($1, $2) x
