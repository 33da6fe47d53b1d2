-- The roles of a hosted project's cluster, and logins with fewer rights. Run as the administrator, with the password
-- of all logins in the setting tests.password.
create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
create role supabase_auth_admin nologin noinherit createrole;

do $$
declare
    password text := current_setting('tests.password');
begin
    -- The owner: the login of the project's developer, not a superuser.
    execute format('create role postgres login createdb createrole replication bypassrls password %L', password);
    -- The login of PostgREST.
    execute format('create role authenticator login noinherit password %L', password);
    -- May only read the app's three tables. It can't read auth.users or act as a user.
    execute format('create role least_privilege login bypassrls password %L', password);
    -- The same without bypassing row level security, which hides all rows from it.
    execute format('create role under_policies login password %L', password);
    execute format('create role replicator login replication password %L', password);
end $$;

grant anon, authenticated, service_role to authenticator;
grant anon, authenticated, service_role to postgres with admin option;

alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
