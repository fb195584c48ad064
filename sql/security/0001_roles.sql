-- The roles of the engine, and the installing login's membership in them.
-- Roles belong to the whole cluster: another database's migrate may make them at the same moment. A login that may
-- not create roles goes on without; waypost.isolation() says so.
do $$
declare
  v_role  text;
  v_login text := session_user;
  v_set   boolean;
begin
  foreach v_role in array array['waypost_owner', 'waypost_worker', 'waypost_api', 'waypost_report', 'waypost_app'] loop
    for attempt in 1..20 loop
      begin
        if not exists (select from pg_catalog.pg_roles where rolname = v_role) then
          execute format('create role %I nologin', v_role);
        end if;
        -- From 16 on, membership with INHERIT and with SET are two things; creating a role gives neither.
        if current_setting('server_version_num')::int >= 160000 then
          execute format('select pg_catalog.pg_has_role(%L, %L, ''SET'')', v_login, v_role) into v_set;
          if not (v_set and pg_catalog.pg_has_role(v_login, v_role, 'USAGE')) then
            execute format('grant %I to %I with inherit true, set true', v_role, v_login);
          end if;
        elsif not pg_catalog.pg_has_role(v_login, v_role, 'USAGE') then
          execute format('grant %I to %I', v_role, v_login);
        end if;
        exit;
      exception
        when insufficient_privilege then
          raise notice 'role % cannot be made or joined by %: tenants will not be isolated', v_role, v_login;
          exit;
        when duplicate_object or unique_violation then
          null;                            -- somebody else was faster: look again
        when internal_error then
          perform pg_catalog.pg_sleep(0.01);   -- "tuple concurrently updated": the same grant elsewhere
      end;
    end loop;
  end loop;
end
$$;
