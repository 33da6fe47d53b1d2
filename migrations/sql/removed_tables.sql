if to_regclass('public.stuck_jobs') is not null then
    lock table public.stuck_jobs in access exclusive mode;
end if;
execute (select format('lock table %s in access exclusive mode', string_agg(oid::regclass::text, ', ' order by oid))
           from pg_class where relnamespace = 'gjobs'::regnamespace and relkind = 'r');
-- Drops the foreign keys, which locks the tables of users and projects.
alter table gjobs.known_users drop constraint if exists known_users_id_fkey;
alter table gjobs.budgets
    drop constraint if exists budgets_user_id_fkey,
    drop constraint if exists budgets_project_id_fkey;
alter table gjobs.archived_jobs
    drop constraint if exists archived_jobs_user_id_fkey,
    drop constraint if exists archived_jobs_project_id_fkey;
alter table gjobs.retention_policies drop constraint if exists retention_policies_project_id_fkey;
