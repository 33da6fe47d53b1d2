-- The newest jobs of a user: the condition of row level security needs this index.

select 'drop index concurrently public.gjobs_newest_of_user'
  from pg_catalog.pg_index where indexrelid = pg_catalog.to_regclass('public.gjobs_newest_of_user') and not indisvalid
\gexec

create index concurrently if not exists gjobs_newest_of_user on public.generation_jobs (user_id, created_at desc, id desc);
