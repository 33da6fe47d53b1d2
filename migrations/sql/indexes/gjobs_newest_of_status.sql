-- The newest jobs of a status. For a rare status, the other indexes would read many jobs to find a few.

select 'drop index concurrently public.gjobs_newest_of_status'
  from pg_catalog.pg_index where indexrelid = pg_catalog.to_regclass('public.gjobs_newest_of_status') and not indisvalid
\gexec

create index concurrently if not exists gjobs_newest_of_status on public.generation_jobs (status, created_at desc, id desc);
