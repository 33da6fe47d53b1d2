select 'drop index concurrently if exists public.gjobs_words' where pg_catalog.to_regclass('public.gjobs_words') is not null
\gexec
