-- Which of these executions are live at all: tells "locked elsewhere" from "gone".
-- used by: store/executions.rs present
-- locks:   none
-- index:   runs_pk
select r.id
  from unnest($1::smallint[], $2::uuid[]) x(b, i)
  join waypost.runs r on r.bucket = x.b and r.id = x.i
