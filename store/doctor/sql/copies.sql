-- Relations without row level security that resemble one of the app's tables: they have a column `user_id`, and at least
-- half of the table's columns or the main columns of a job. Such a relation can be a partition of the app's table, or a
-- foreign table that has the name of the app's table.
with app as (
    select t.oid, t.relname as name, a.attname, a.atttypid, count(*) over (partition by t.oid) as columns
      from pg_class t
      join pg_namespace n on n.oid = t.relnamespace
      join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
     where n.nspname = 'public' and t.relname in ('generation_jobs', 'projects', 'assets')
), copies as (
    select distinct on (c.oid) c.oid, format('%I.%I', n.nspname, c.relname) as name, app.name as original, count(*) as shared,
           c.relkind, readers.names as readers
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      join app on app.attname = a.attname and app.atttypid = a.atttypid
     cross join lateral (
           select array(select r.rolname::text from pg_roles r
                         where r.rolname in ('anon', 'authenticated') and has_schema_privilege(r.oid, n.oid, 'USAGE')
                           and has_any_column_privilege(r.oid, c.oid, 'SELECT')
                         order by 1)
           ) readers (names)
     where c.relkind in ('r', 'p', 'f', 'm') and c.relpersistence <> 't' and not c.relrowsecurity
       and (c.oid not in (select oid from app) or c.relkind = 'f') and readers.names <> '{}'
     group by c.oid, n.nspname, app.oid, app.name, app.columns, readers.names
    having bool_or(a.attname = 'user_id')
       and (2 * count(*) >= app.columns
            or app.name = 'generation_jobs'
               and count(*) filter (where a.attname in ('id', 'status', 'mode', 'cost_cents')) = 4)
     order by c.oid, count(*) desc
)
select name, 'problem', case when is_original then 'no-row-security' else 'unprotected-copy' end,
       format('The %s %s %s: %s may read every row.',
              case relkind when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table' end, name,
              case when is_original then 'can''t have row level security'
                   else format('has %s columns of %s, but no row level security', shared, original) end,
              array_to_string(readers, ' and ')),
       case when relkind in ('r', 'p') then format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY;', name)
            else format('REVOKE ALL ON %s FROM PUBLIC, %s;', name, array_to_string(readers, ', ')) end,
       null
  from copies
 cross join lateral (select name = 'public.' || original) compared (is_original)
 order by oid
