-- The queued jobs of each mode, oldest first. A job enters this index once and leaves it. A mode may be longer than an index entry.

select 'drop index concurrently public.gjobs_queue'
  from pg_catalog.pg_index where indexrelid = pg_catalog.to_regclass('public.gjobs_queue') and not indisvalid
\gexec

create index concurrently if not exists gjobs_queue
    on public.generation_jobs (left(mode, 200), created_at, id) where status = 'queued';
