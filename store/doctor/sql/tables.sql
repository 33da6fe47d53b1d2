-- Tables of the app without row level security or without policies, and what row level security does not prevent.
with policies as (
    select tablename, permissive = 'PERMISSIVE' and cmd in ('SELECT', 'ALL') as shows_rows
      from pg_policies
     where schemaname = 'public' and roles && '{public, anon, authenticated}'
), tables as (
    select row_number() over (order by c.relname = 'generation_jobs' desc, c.relname = 'projects' desc) as number,
           c.relname as name, c.relrowsecurity, c.relforcerowsecurity,
           exists (select from policies where tablename = c.relname) as has_policy,
           exists (select from policies where tablename = c.relname and shows_rows) as shows_rows,
           array(select r.rolname from pg_roles r
                  where r.rolname in ('anon', 'authenticated')
                    and (has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE')
                         or has_table_privilege(r.oid, c.oid, 'DELETE'))
                  order by 1) as reachable,
           array(select r.rolname from pg_roles r
                  where r.rolname in ('anon', 'authenticated') and has_table_privilege(r.oid, c.oid, 'TRUNCATE')
                  order by 1) as truncating,
           (select string_agg(p.pubname, ', ' order by p.pubname::text) from pg_publication_tables p
             where p.schemaname = n.nspname and p.tablename = c.relname) as publications
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'public' and c.relname in ('generation_jobs', 'projects', 'assets') and c.relkind in ('r', 'p')
)
select name, severity, finding, sentence, fix, hint
  from (
    select number, name, finding.*
      from tables
     cross join lateral (
        select 1, case when reachable = '{}' then 'warning' else 'problem' end, 'no-row-security',
               format('Row level security is off on %s%s.', name,
                      ': ' || array_to_string(nullif(reachable, '{}'), ' and ') || ' can access every row'),
               format('ALTER TABLE public.%s ENABLE ROW LEVEL SECURITY;', name),
               case when not has_policy then 'Create policies first, because users see no rows without one.' end
         where not relrowsecurity
         union all
        select 2, 'warning', 'no-policy', format('No policy allows users to read %s, so no user sees any of its rows.', name),
               null, null
         where relrowsecurity and not shows_rows
         union all
        select 3, 'note', 'forced-row-security',
               format('Row level security is forced on %s, so its owner also sees only rows that a policy allows.', name),
               null, null
         where relforcerowsecurity
         union all
        select 4, 'note', 'publication',
               format('%s publishes %s. Every subscriber receives the ids of deleted rows, because row level security does'
                      ' not apply to delete events.', publications, name),
               null, null
         where publications is not null
     ) finding (place, severity, finding, sentence, fix, hint)
     union all
    select 4, '', 5, 'note', 'truncate',
           format('%s may TRUNCATE %s. Row level security does not prevent this.', array_to_string(roles, ' and '), names),
           format('REVOKE TRUNCATE ON public.%s FROM %s;', replace(names, ', ', ', public.'), array_to_string(roles, ', ')),
           'PostgREST has no TRUNCATE, so this matters only if these roles can run other SQL.'
      from (select string_agg(name, ', ' order by number) as names,
                   (select array_agg(distinct role order by role) from tables, unnest(truncating) as role) as roles
              from tables
             where truncating <> '{}') emptied
     where names <> ''
 ) found
 order by number, place
