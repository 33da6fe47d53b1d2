-- The objects that the app's tables and policies need. A hosted project has them all, created by another role; there nothing is changed.
do $$
begin
    if to_regnamespace('auth') is null then
        create schema auth;
    end if;

    if to_regclass('auth.users') is null then
        create table auth.users (
            id         uuid primary key,
            email      text,
            created_at timestamptz default now()
        );
        alter table auth.users enable row level security;
    end if;

    -- Whose request this is, from the claims of its token. The legacy settings (one per claim) take precedence, as on a hosted project.
    if to_regprocedure('auth.uid()') is null then
        create function auth.uid() returns uuid language sql stable
        return coalesce(
            nullif(current_setting('request.jwt.claim.sub', true), ''),
            nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
        )::uuid;
    end if;

    if to_regprocedure('auth.role()') is null then
        create function auth.role() returns text language sql stable
        return coalesce(
            nullif(current_setting('request.jwt.claim.role', true), ''),
            nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'
        );
    end if;

    if to_regprocedure('auth.jwt()') is null then
        create function auth.jwt() returns jsonb language sql stable
        return coalesce(
            nullif(current_setting('request.jwt.claim', true), ''),
            nullif(current_setting('request.jwt.claims', true), '')
        )::jsonb;
    end if;
end $$;
