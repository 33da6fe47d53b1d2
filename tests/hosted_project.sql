-- What a hosted project holds before the app's first migration: `auth` with its tables and functions, which belong to a role that
-- the developer's is no member of, the roles of requests, and what new tables in public grant them. Run as the administrator.
do $$
declare
    name text;
begin
    foreach name in array array['anon', 'authenticated', 'service_role', 'auth_admin'] loop
        if to_regrole(name) is null then
            execute format('create role %I nologin noinherit', name);
        end if;
    end loop;
end $$;
alter role service_role bypassrls;
grant anon, authenticated, service_role to gjobs;

create schema auth authorization auth_admin;
create table auth.users (
    instance_id        uuid,
    id                 uuid primary key,
    aud                varchar(255),
    role               varchar(255),
    email              varchar(255),
    encrypted_password varchar(255),
    created_at         timestamptz,
    updated_at         timestamptz
);
alter table auth.users owner to auth_admin;
alter table auth.users enable row level security;

create function auth.uid() returns uuid language sql stable as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim.sub', true), ''),
        (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')
    )::uuid
$$;
create function auth.role() returns text language sql stable as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim.role', true), ''),
        (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role')
    )::text
$$;
create function auth.jwt() returns jsonb language sql stable as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')
    )::jsonb
$$;
alter function auth.uid() owner to auth_admin;
alter function auth.role() owner to auth_admin;
alter function auth.jwt() owner to auth_admin;

grant usage on schema auth to gjobs, anon, authenticated, service_role;
grant all on auth.users to gjobs;
grant usage on schema public to anon, authenticated, service_role;
alter default privileges for role gjobs in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges for role gjobs in schema public grant all on functions to anon, authenticated, service_role;
