-- A hosted project in which each change of a policy locks tables of its sign-ins and of its storage until the commit, as supautils does for
-- the setting policy_grants. Run as the administrator.
create table auth.identities (id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users);
create table auth.sessions (id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users);
create schema storage;
create table storage.buckets (id text primary key);
create table storage.objects (id uuid primary key default gen_random_uuid(), bucket_id text references storage.buckets);
create sequence storage.changed_policies;

create function storage.lock_granted_tables() returns event_trigger language plpgsql security definer set search_path = '' as $$
begin
    perform nextval('storage.changed_policies');
    lock table auth.users, auth.identities, auth.sessions, storage.buckets, storage.objects in access exclusive mode;
end $$;
create event trigger policy_grants on ddl_command_start when tag in ('CREATE POLICY', 'ALTER POLICY', 'DROP POLICY')
    execute function storage.lock_granted_tables();
