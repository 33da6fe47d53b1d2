-- The most expensive and the cheapest jobs, page by page.

select 'drop index concurrently public.gjobs_costs'
  from pg_catalog.pg_index where indexrelid = pg_catalog.to_regclass('public.gjobs_costs') and not indisvalid
\gexec

create index concurrently if not exists gjobs_costs on public.generation_jobs (cost_cents desc, id desc);
