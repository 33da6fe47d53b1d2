-- Row counts, sizes, dead rows and indexes of the app's tables, and whether an index can find words.
--
-- `counted` has the numbers of rows, at most the limit plus one, and null if counting took too long. A number is exact,
-- about (~), or at least (≥), so that these are never confused. A replica keeps no statistics of dead rows. An index on an
-- expression is known by its name. A failed build of the index for words is another finding.
with tables as (
    select row_number() over (order by c.relname = 'generation_jobs' desc, c.relname = 'projects' desc) as number,
           c.relname as name, format('public.%s', c.relname) as full_name, c.reltuples::bigint as estimate,
           coalesce(s.n_live_tup, 0) as live, coalesce(s.n_dead_tup, 0) as dead,
           coalesce(s.last_analyze, s.last_autoanalyze) is not null as is_analyzed, pg_total_relation_size(c.oid) as bytes
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      left join pg_stat_all_tables s on s.relid = c.oid
     where n.nspname = 'public' and c.relname in ('generation_jobs', 'projects', 'assets') and c.relkind in ('r', 'p')
), indexes as (
    select row_number() over (order by t.relname = 'generation_jobs' desc, t.relname, i.relname) as number,
           t.relname as table_name, quote_ident(i.relname) as name, pg_relation_size(i.oid) as bytes, x.indisvalid as is_valid,
           regexp_replace(pg_get_indexdef(i.oid), '^.*? USING btree ', '') as keys,
           x.indisvalid and coalesce(s.idx_scan, 0) = 0 and not x.indisunique
               and not exists (select from pg_constraint c where c.conindid = i.oid) as is_idle
      from pg_index x
      join pg_class i on i.oid = x.indexrelid
      join pg_class t on t.oid = x.indrelid
      join pg_namespace n on n.oid = t.relnamespace
      left join pg_stat_all_indexes s on s.indexrelid = i.oid
     where n.nspname = 'public' and t.relname in ('generation_jobs', 'projects', 'assets')
)
select '', severity, finding, sentence, fix, hint
  from (
    select number, finding.*
      from tables
     cross join lateral (select (cast(:counted as json) ->> full_name)::bigint, cast(:most_counted as bigint)) counts (counted, most)
     cross join lateral (
           select case when counted <= most then '' when estimate > most or counted is null and estimate >= 0 then '~'
                       when counted > most then '≥' end) signs (sign)
     cross join lateral (select case sign when '' then counted when '~' then estimate else most end) said (rows)
     cross join lateral (
           select coalesce(sign || to_char(rows, 'FM999,999,999,999,999') || case rows when 1 then ' row' else ' rows' end,
                           'an unknown number of rows')) words (amount)
     cross join lateral (
        select 1, 'ok', 'rows-' || name,
               case when full_name = any(:hidden) then format('This login sees %s of %s.', amount, name)
                    else format('%s holds %s and takes %s bytes.', name, amount, bytes) end, null, null
         union all
        select 2, 'note', case when is_dead then 'dead-' else 'unanalyzed-' end || name,
               case when is_dead then format('About %s %% of the rows of %s are dead.',
                                             round(100 * dead / (live + dead)::float8), name)
                    else format('%s was never analyzed, so its query plans are guesses.', name) end,
               format(case when is_dead then 'VACUUM (ANALYZE) %s;' else 'ANALYZE %s;' end, full_name), null
          from (select 5 * dead > live + dead) dead_rows (is_dead)
         where (is_dead or not is_analyzed) and live + dead >= :few and not pg_is_in_recovery()
     ) finding (place, severity, finding, sentence, fix, hint)
     union all
    select 4, number, 'warning', 'invalid-index',
           format('The index public.%s is invalid: it slows every write and helps no read.', name),
           format('DROP INDEX CONCURRENTLY public.%s;', name),
           'A failed CREATE INDEX CONCURRENTLY leaves such an index. One that is being built looks the same.'
      from indexes
     where not is_valid
     union all
    select 5, 1, 'note', 'list-indexes',
           format('No index supports the order of these lists: %s.', string_agg(list, ', ' order by number)),
           string_agg(statement, e'\n' order by number),
           'Each index makes writes a little slower. Add those of the lists that you use.'
      from (select number, list, format('CREATE INDEX CONCURRENTLY gjobs_newest%s ON public.generation_jobs (%screated_at DESC,'
                                        ' id DESC);', suffix, columns)
              from (values (1, 'all jobs', '', ''),
                           (2, 'a project''s jobs', '_of_project', 'project_id, '),
                           (3, 'a user''s jobs', '_of_user', 'user_id, '),
                           (4, 'the jobs of a status', '_of_status', 'status, '),
                           -- This index also serves the first and last times of a summary.
                           (5, 'a project''s jobs of a status', '_of_project_status', 'project_id, status, ')
                   ) newest (number, list, suffix, columns)
             union all
            select 5 + number, list, statement
              from json_each_text(cast(:orders as json)) with ordinality orders (list, statement, number)
           ) lists (number, list, statement)
     where exists (select from tables where name = 'generation_jobs' and live >= :few)
       and not exists (select from indexes i
                        where i.is_valid and case when statement like '% ((%' then i.name = split_part(statement, ' ', 4)
                                                  else right(statement, length(i.keys) + 2) = format(' %s;', i.keys) end)
    having count(*) > 0
     union all
    select 6, 1, 'note', 'unused-indexes',
           format('Not used since the statistics were last reset: %s.',
                  string_agg(format('%s (%s bytes)', name, bytes), ', ' order by number)),
           null, 'A replica may use indexes that the primary server does not use.'
      from indexes
     where is_idle and table_name in (select name from tables where live >= :few)
       and format('public.%s.%s', table_name, name) <> all(:promised)
    having count(*) > 0
     union all
    -- With few jobs, reading all of them is fast. Hosted projects keep a schema for extensions. The index collects new entries,
    -- and some write merges them into it. With the smallest limit that Postgres accepts, this write merges few entries.
    select 7, 1, 'note', 'word-index', 'No index finds words. For each search, the database reads all jobs of the list.',
           case when e.oid is null then format(e'CREATE EXTENSION pg_trgm WITH SCHEMA %s;\n', name) else '' end
           || format('CREATE INDEX CONCURRENTLY gjobs_words ON public.generation_jobs USING gin (lower(mode) %1$s.gin_trgm_ops,'
                     ' lower(error) %1$s.gin_trgm_ops) WITH (gin_pending_list_limit = 64);', name)
           || e'\nANALYZE public.generation_jobs;',
           'The index speeds up the operator''s searches for rare words. It makes writes of errors slower. The manual page'
           ' ''migrations'' says by how much.'
      from (select) one
      left join pg_extension e on e.extname = 'pg_trgm'
      left join pg_namespace n on n.oid = e.extnamespace
     cross join lateral (
           select quote_ident(coalesce(n.nspname, to_regnamespace('extensions')::text, 'public'))) schemas (name)
     where (e.oid is not null or exists (select from pg_available_extensions a where a.name = 'pg_trgm'))
       and exists (select from tables where tables.name = 'generation_jobs' and greatest(live, estimate) > :most_counted)
       and not exists (select from indexes where indexes.name = 'gjobs_words')
       and not pg_is_in_recovery()
 ) found (number, place, severity, finding, sentence, fix, hint)
 order by number, place
