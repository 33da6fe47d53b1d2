-- The newest jobs, page by page.

select 'drop index concurrently public.gjobs_newest'
  from pg_catalog.pg_index where indexrelid = pg_catalog.to_regclass('public.gjobs_newest') and not indisvalid
\gexec

create index concurrently if not exists gjobs_newest on public.generation_jobs (created_at desc, id desc);
