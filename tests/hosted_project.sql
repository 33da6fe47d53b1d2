-- The rest of a hosted project before the app's first migration: the roles of requests, and the grants on new tables in
-- public. Run as the administrator.
do $$
declare
    name text;
begin
    foreach name in array array['anon', 'authenticated', 'service_role'] loop
        if to_regrole(name) is null then
            execute format('create role %I nologin noinherit', name);
        end if;
    end loop;
end $$;
alter role service_role bypassrls;
grant anon, authenticated, service_role to gjobs;

grant usage on schema auth to gjobs, anon, authenticated, service_role;
grant all on auth.users to gjobs;
grant usage on schema public to anon, authenticated, service_role;
alter default privileges for role gjobs in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges for role gjobs in schema public grant all on functions to anon, authenticated, service_role;
