-- The newest jobs of a project.

select 'drop index concurrently public.gjobs_newest_of_project'
  from pg_catalog.pg_index where indexrelid = pg_catalog.to_regclass('public.gjobs_newest_of_project') and not indisvalid
\gexec

create index concurrently if not exists gjobs_newest_of_project on public.generation_jobs (project_id, created_at desc, id desc);
