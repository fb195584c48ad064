-- The schema and the tables that say what is installed; they come before the first migration.
do $$
declare
  v_owner text := 'waypost_owner';
begin
  -- Without the roles the installing login owns everything itself.
  if not exists (select from pg_catalog.pg_roles where rolname = v_owner)
     or not pg_catalog.pg_has_role(session_user, v_owner, 'USAGE') then
    v_owner := session_user;
  end if;
  if to_regnamespace('waypost') is null then
    execute format('create schema waypost authorization %I', v_owner);
  end if;
  select pg_catalog.pg_get_userbyid(n.nspowner)::text into v_owner from pg_catalog.pg_namespace n where n.nspname = 'waypost';
  -- So that waypost.install_crm() can make schema crm. Only a database's owner can give this right away.
  begin
    execute format('grant create on database %I to %I', current_database(), v_owner);
  exception when insufficient_privilege then
    null;
  end;
  perform set_config('role', v_owner, true);
  create table if not exists waypost.migrations (
    name        text not null,
    checksum    text not null,
    applied_at  timestamptz not null default clock_timestamp(),
    constraint migrations_pk primary key (name)
  );
  create table if not exists waypost.installed (
    object    text not null,
    checksum  text not null,
    at        timestamptz not null,
    constraint installed_pk primary key (object)
  );
  -- Which binaries may meet these rows: see store/install. Added later, hence apart.
  if not exists (select from pg_catalog.pg_attribute
                  where attrelid = 'waypost.migrations'::regclass and attname = 'expands') then
    alter table waypost.migrations add column expands boolean not null default false;
    alter table waypost.installed add column release text not null default '0.0.0';
  end if;
  create table if not exists waypost.crm_sources (
    position  int not null,
    name      text not null,
    checksum  text not null,
    body      text not null,
    constraint crm_sources_pk primary key (position)
  );
  perform set_config('role', 'none', true);
end
$$;
