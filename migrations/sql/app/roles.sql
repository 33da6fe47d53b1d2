-- The roles that a request runs as. They belong to the cluster: another database may use them, or create them at this moment. An advisory
-- lock can't prevent that, because it covers one database only. So "already exists" is tolerated, and nothing drops them.
do $$
declare
    version constant integer := current_setting('server_version_num')::integer;
    may_bypass_rls constant boolean := (
        select rolsuper or (rolbypassrls and version >= 160000) from pg_roles where rolname = current_user
    );
    name text;
begin
    foreach name in array array['anon', 'authenticated', 'service_role'] loop
        if to_regrole(name) is null then
            if name = 'service_role' and not may_bypass_rls then
                raise notice 'The role service_role is not made: % may not make one that bypasses row level security.', current_user;
                continue;
            end if;
            begin
                execute format('create role %I nologin noinherit', name)
                    || case name when 'service_role' then ' bypassrls' else '' end;
            exception when duplicate_object or unique_violation then
                null;
            end;
        end if;
        -- To act as a user is to SET ROLE. From PostgreSQL 16 on, this needs a separate grant, which a role's creator does not get
        -- automatically.
        if not pg_has_role(current_user, name, case when version >= 160000 then 'set' else 'member' end) then
            begin
                execute format('grant %I to %I', name, current_user)
                    || case when version >= 160000 then ' with inherit false, set true' else '' end;
            exception
                when unique_violation then
                    null;
                when insufficient_privilege then
                    raise notice 'The role % may not act as %. An administrator can: GRANT % TO %;',
                        current_user, name, quote_ident(name), quote_ident(current_user);
            end;
        end if;
    end loop;
end $$;
