-- The database of a hosted project before the app's first migration, without `auth`. Run as the administrator.
grant usage on schema auth to postgres, anon, authenticated, service_role;
grant all on auth.users to postgres;
grant usage on schema public to postgres, anon, authenticated, service_role;
