-- Words in modes and errors, only where pg_trgm is installed: an extension is the owner's decision. The operator class carries the schema of
-- the extension.

select 'drop index concurrently public.gjobs_words'
  from pg_catalog.pg_index where indexrelid = pg_catalog.to_regclass('public.gjobs_words') and not indisvalid
\gexec

select pg_catalog.format('create index concurrently if not exists gjobs_words on public.generation_jobs'
                         ' using gin (lower(mode) %1$I.gin_trgm_ops, lower(error) %1$I.gin_trgm_ops)', n.nspname)
  from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
 where e.extname = 'pg_trgm' and pg_catalog.has_schema_privilege(n.oid, 'usage')
\gexec

-- Without statistics on the expressions, the planner would guess how rare a word is.
select 'analyze public.generation_jobs'
  from pg_catalog.pg_index where indexrelid = pg_catalog.to_regclass('public.gjobs_words') and indisvalid
\gexec
