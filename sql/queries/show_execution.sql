-- used by: store/operate.rs show
-- locks:   none
-- index:   runs_pk, finished_pk
select to_jsonb(e) from waypost.executions e where e.id = $1 and e.tenant = waypost.current_tenant()
 order by e.ended_at desc nulls first limit 1
