-- How the variants of each split did
-- Called by: people, reports. Index: none, it reads history whole.
-- An execution counts for the variant that it entered first; a goal counts if it came after that.
-- needs: execution_timeline, proportion_p_value
create or replace view waypost.split_results with (security_invoker = true) as
with chosen as (
  select distinct on (x.tenant, x.workflow, x.execution_id, x.step_id)
         x.tenant, x.workflow, x.execution_id, x.step_id, x.result ->> 'variant' as variant, x.seq, x.at,
         coalesce((x.result ->> 'holdout')::boolean, false) as holdout
  from waypost.execution_timeline x
  where x.event = 'step:completed' and x.result ? 'variant'
  order by x.tenant, x.workflow, x.execution_id, x.step_id, x.seq),
counted as (
  select c.tenant, c.workflow, c.step_id, c.variant, bool_or(c.holdout) as holdout, count(*) as entered,
         count(*) filter (where exists (select from waypost.execution_timeline g
                                        where g.execution_id = c.execution_id and g.event = 'goal:achieved'
                                          and g.seq > c.seq)) as goals
  from chosen c
  group by c.tenant, c.workflow, c.step_id, c.variant),
placed as (
  select c.*,
         first_value(c.entered) over w as first_entered, first_value(c.goals) over w as first_goals,
         row_number() over w as place
  from counted c
  left join waypost.tenants t on t.name = c.tenant
  left join waypost.workflows f on f.tenant_id = t.id and f.slug = c.workflow
  left join waypost.versions v on v.workflow_id = f.id and v.version = f.version
  window w as (partition by c.tenant, c.workflow, c.step_id order by (
    -- The order of the definition, where the variant is still in it.
    select min(k.n) from jsonb_path_query(v.definition, '$.actions[*] ? (@.id == $s).config.*[*].id',
                                          jsonb_build_object('s', c.step_id)) with ordinality k(id, n)
    where k.id #>> '{}' = c.variant), c.variant))
select p.tenant, p.workflow, p.step_id, p.variant, p.entered, p.goals, p.goals::float8 / nullif(p.entered, 0) as rate,
       case when p.place > 1 and p.first_goals > 0 then
         (p.goals::float8 / p.entered) / (p.first_goals::float8 / p.first_entered) - 1 end as lift,
       case when p.place > 1 then waypost.proportion_p_value(p.first_entered, p.first_goals, p.entered, p.goals) end as p_value,
       p.holdout
from placed p;
comment on view waypost.split_results is 'How the variants of each split did';
comment on column waypost.split_results.tenant is 'Name of the tenant it belongs to';
comment on column waypost.split_results.workflow is 'Id of the workflow, as in its definition';
comment on column waypost.split_results.step_id is 'The split';
comment on column waypost.split_results.variant is 'Id of the variant';
comment on column waypost.split_results.entered is 'Executions that entered it';
comment on column waypost.split_results.goals is 'Of those, how many achieved a goal afterwards';
comment on column waypost.split_results.rate is 'goals by entered, 0 to 1';
comment on column waypost.split_results.lift is 'rate against the first variant, as a share of it: 0.1 is ten percent better';
comment on column waypost.split_results.p_value is 'Two-sided, against the first variant; null for the first';
comment on column waypost.split_results.holdout is 'The group that is kept out, as the measure of the others';
