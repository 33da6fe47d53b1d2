-- The last updated jobs, page by page.

select 'drop index concurrently public.gjobs_updated'
  from pg_catalog.pg_index where indexrelid = pg_catalog.to_regclass('public.gjobs_updated') and not indisvalid
\gexec

create index concurrently if not exists gjobs_updated on public.generation_jobs (updated_at desc, id desc);
