-- All objects of the app's schema and of gjobs' own.
-- Each row has four texts: kind, place, name, definition.
-- Set the search_path to `pg_catalog, pg_temp` first, so that each name in a definition includes its schema.
with known as (
    select c.oid, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.reloptions, format('%I.%I', n.nspname, c.relname) as place
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where (n.nspname = 'public' and c.relname in ('projects', 'assets', 'generation_jobs', 'generation_job_summary')
            or n.nspname = 'gjobs' and c.relname not in ('alembic_version', 'replaced'))
       and c.relkind in ('r', 'p', 'f', 'v', 'm')
), functions as (
    select p.oid, p.prosecdef, p.prosrc, n.nspname, p.proname, format('%I.%I', n.nspname, p.proname) as place
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where n.nspname = 'gjobs'
        or p.prokind = 'f' and n.nspname = 'public'
           and p.proname in ('update_updated_at_column', 'get_job_statistics', 'get_recent_jobs', 'transition_job_status')
), requesting as (
    select oid, rolname from pg_roles where rolname in ('anon', 'authenticated', 'service_role')
), found (kind, place, name, definition) as (
    select 'relation', n.nspname::text, c.relname::text,
           case c.relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'f' then 'foreign table'
                          when 'v' then 'view' when 'm' then 'materialized view' end
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
     where (n.nspname = 'public' or c.oid in (select oid from known)) and c.relkind in ('r', 'p', 'f', 'v', 'm')
       and not exists (select from pg_depend d
                        where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
    union all
    select 'column', k.place, a.attname::text,
           concat_ws(' ', format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end,
                     'default ' || pg_get_expr(d.adbin, d.adrelid))
      from known k
      join pg_attribute a on a.attrelid = k.oid and a.attnum > 0 and not a.attisdropped
      left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    union all
    select case c.contype when 'c' then 'check' else 'key' end, k.place, c.conname::text, pg_get_constraintdef(c.oid)
      from known k join pg_constraint c on c.conrelid = k.oid and c.contype in ('p', 'f', 'u', 'x', 'c')
    union all
    select 'index', k.place, c.relname::text,
           concat_ws(' ', case when i.indisunique then 'unique' end,
                     regexp_replace(regexp_replace(pg_get_indexdef(c.oid), '\s+', ' ', 'g'), '^.*? USING ', ''),
                     case when not i.indisvalid then 'INVALID' end)
      from known k
      join pg_index i on i.indrelid = k.oid
      join pg_class c on c.oid = i.indexrelid
     where not exists (select from pg_constraint owner where owner.conindid = c.oid and owner.contype in ('p', 'u', 'x'))
    union all
    select 'trigger', k.place, t.tgname::text,
           concat_ws(' ', replace(regexp_replace(pg_get_triggerdef(t.oid), '^.*? (?=BEFORE|AFTER|INSTEAD OF)', ''),
                                  ' ON ' || k.place, ''),
                     case when t.tgenabled in ('D', 'R') then 'DISABLED'
                          when t.tgenabled = 'O' and t.tgname ~ '^gjobs_' and k.place = 'public.generation_jobs' then 'NOT ENABLED ALWAYS' end)
      from known k join pg_trigger t on t.tgrelid = k.oid and not t.tgisinternal
    union all
    select 'row security', k.place, switch.name, 'on'
      from known k
     cross join lateral (values
               ('row_security', k.relrowsecurity),
               ('force_row_security', k.relforcerowsecurity),
               ('security_invoker', k.place like 'gjobs.%' and exists (select from pg_options_to_table(k.reloptions)
                                             where option_name = 'security_invoker' and option_value::boolean)),
               ('security_barrier', k.place like 'gjobs.%' and exists (select from pg_options_to_table(k.reloptions)
                                             where option_name = 'security_barrier' and option_value::boolean))
           ) as switch (name, is_on)
     where switch.is_on
    union all
    select 'policy', k.place, p.polname::text,
           concat_ws(' ', case when not p.polpermissive then 'restrictive' end, 'for ' || command,
                     case when command <> 'insert' then 'using ' || coalesce(pg_get_expr(p.polqual, p.polrelid), 'nothing') end,
                     case when command in ('insert', 'update')
                          then 'with check ' || pg_get_expr(coalesce(p.polwithcheck, p.polqual), p.polrelid) end,
                     -- Adds the roles of a policy that does not apply to users, so that it never equals an expected one.
                     case when not (p.polroles && array[0::oid, coalesce(to_regrole('authenticated')::oid, 0)])
                          then 'to ' || (select string_agg(quote_ident(rolname), ', ' order by rolname)
                                           from pg_roles where oid = any (p.polroles)) end)
      from known k
      join pg_policy p on p.polrelid = k.oid
     cross join unnest(case p.polcmd when 'r' then array['select'] when 'a' then array['insert'] when 'w' then array['update']
                                     when 'd' then array['delete'] else array['select', 'insert', 'update', 'delete'] end) as command
    union all
    select 'function', f.nspname::text, f.proname::text,
           -- The doctor examines the app's functions.
           concat_ws(' ', format('(%s) returns %s', pg_get_function_arguments(f.oid), pg_get_function_result(f.oid)),
                     case when f.nspname = 'gjobs' then case when f.prosecdef then 'security definer' else 'security invoker' end end)
      from functions f
    union all
    select 'body', f.place, f.proname::text, left(md5(lower(regexp_replace(f.prosrc, '\s+', ' ', 'g'))), 8)
      from functions f where f.nspname = 'gjobs' or f.proname = 'update_updated_at_column'
    union all
    select 'grant', k.place, r.rolname::text, string_agg(privilege, ', ' order by ordinal)
      from known k
     cross join requesting r
     cross join unnest(array['select', 'insert', 'update', 'delete']) with ordinality as one (privilege, ordinal)
     where has_table_privilege(r.oid, k.oid, privilege) and (privilege = 'select' or k.relkind <> 'v')
     group by k.place, r.rolname
    union all
    select 'grant', f.place, r.rolname::text, 'execute'
      from functions f cross join requesting r
     where has_function_privilege(r.oid, f.oid, 'execute')
)
select kind, place, name, definition from found order by kind, place, name, definition
