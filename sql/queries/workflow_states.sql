-- Which of these workflows are paused just now.
-- used by: store/programs.rs paused
-- locks:   none
-- index:   workflows_pk
select w.id from waypost.workflows w where w.id = any ($1::int[]) and w.status = 'paused'
