-- The newest jobs of a status within a project, and first_job_at and last_job_at of the summary.

select 'drop index concurrently public.gjobs_newest_of_project_status'
  from pg_catalog.pg_index
 where indexrelid = pg_catalog.to_regclass('public.gjobs_newest_of_project_status') and not indisvalid
\gexec

create index concurrently if not exists gjobs_newest_of_project_status
    on public.generation_jobs (project_id, status, created_at desc, id desc);
