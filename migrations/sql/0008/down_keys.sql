-- Foreign keys, which lock the users and the projects.
alter table gjobs.archived_jobs
    drop constraint archived_jobs_user_id_fkey,
    drop constraint archived_jobs_project_id_fkey;
alter table gjobs.retention_policies drop constraint retention_policies_project_id_fkey;
