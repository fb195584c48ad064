-- The reference CRM in schema crm, and the mapping of the engine's contacts onto it. Again: only what changed.
-- Called by: migrate, a team that said --no-crm first. Locks: those of its DDL. Index: none.
-- Its texts are kept in waypost.crm_sources, so that the database alone can do it.
-- needs: secure
create or replace function waypost.install_crm() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
  set check_function_bodies = off set client_min_messages = warning
as $$
declare
  v_source  record;
begin
  perform pg_catalog.pg_advisory_xact_lock(x'77617970'::int, 2);
  if to_regnamespace('crm') is null then
    create schema crm;
  end if;
  for v_source in select * from waypost.crm_sources s where s.name like 'migrations/%' order by s.position loop
    if not exists (select from waypost.migrations m where m.name = v_source.name) then
      execute v_source.body;
      -- As store/install does: a migration that takes something away says so in its head.
      insert into waypost.migrations (name, checksum, expands)
      values (v_source.name, v_source.checksum, v_source.body !~ '(?n)^-- contracts:');
    end if;
  end loop;
  if not exists (select from waypost.crm_sources s
                 left join waypost.installed i on i.object = s.name and i.checksum = s.checksum
                 where s.name not like 'migrations/%' and i.object is null) then
    return;
  end if;
  for v_source in select * from waypost.crm_sources s where s.name not like 'migrations/%' order by s.position loop
    execute v_source.body;
    insert into waypost.installed (object, checksum, at) values (v_source.name, v_source.checksum, clock_timestamp())
    on conflict (object) do update set checksum = excluded.checksum, at = excluded.at;
  end loop;
  perform waypost.secure();
end
$$;
