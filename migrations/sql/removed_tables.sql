lock table public.projects in access exclusive mode;
lock table public.assets in access exclusive mode;
lock table public.generation_job_summary in access exclusive mode;
if to_regclass('public.stuck_jobs') is not null then
    lock table public.stuck_jobs in access exclusive mode;
end if;
-- Drops the foreign keys, which locks the tables of users and projects.
alter table gjobs.known_users drop constraint if exists known_users_id_fkey;
alter table gjobs.budgets
    drop constraint if exists budgets_user_id_fkey,
    drop constraint if exists budgets_project_id_fkey;
alter table gjobs.archived_jobs
    drop constraint if exists archived_jobs_user_id_fkey,
    drop constraint if exists archived_jobs_project_id_fkey;
alter table gjobs.retention_policies drop constraint if exists retention_policies_project_id_fkey;
