-- Views that bypass row level security: they run with their owner's rights, or they are copies (materialized views). A view
-- has two possible findings: it shows the rows of others, or own rows only. Its tree decides which one is kept.
--
-- `app` has the app's relations. It also has the relations that supply their rows if they are views. Such a relation supplies
-- `user_id` and two of `columns`. In pg_depend, a materialized view also depends on itself.
with recursive app as (
    select t.oid, seed.columns
      from (values ('generation_jobs', '{status, mode, cost_cents}'::name[]),
                   ('projects', '{id, name}'),
                   ('assets', '{kind, mode, storage_path}')) seed (name, columns)
      join pg_class t on t.relname = seed.name
      join pg_namespace s on s.oid = t.relnamespace and s.nspname = 'public'
     union
    select source.oid, app.columns
      from app
      join pg_rewrite w on w.ev_class = app.oid
     cross join lateral (
           select a.attrelid as oid
             from pg_depend d
             join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
            where d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass
            group by a.attrelid
           having bool_or(a.attname = 'user_id') and count(*) filter (where a.attname = any(app.columns)) >= 2
           ) source
), views as (
    select format('%I.%I', n.nspname, v.relname) as name, v.relkind = 'm' as is_copy,
           array(select r.rolname::text from pg_roles r
                  where r.rolname in ('anon', 'authenticated') and has_any_column_privilege(r.oid, v.oid, 'SELECT')
                  order by 1) as readers,
           array(select r.rolname::text from pg_roles r
                  where r.rolname in ('anon', 'authenticated')
                    and has_any_column_privilege(r.oid, v.oid, 'INSERT, UPDATE')
                    and pg_relation_is_updatable(v.oid, true) & 12 > 0
                    and not exists (select from pg_options_to_table(v.reloptions) where option_name = 'check_option')
                  order by 1) as writers,
           (select w.ev_action::text from pg_rewrite w where w.ev_class = v.oid and w.ev_type = '1') as tree,
           v.oid in (select oid from app) as is_app
      from pg_class v
      join pg_namespace n on n.oid = v.relnamespace
      join pg_roles o on o.oid = v.relowner
     where v.relkind in ('v', 'm')
       and not exists (select from pg_options_to_table(v.reloptions)
                        where option_name = 'security_invoker' and option_value::boolean)
       and exists (select from pg_rewrite w
                     join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid
                                     and d.refclassid = 'pg_class'::regclass
                     join pg_class t on t.oid = d.refobjid and t.relkind in ('r', 'p', 'f', 'm')
                    where w.ev_class = v.oid and (t.oid in (select oid from app) or v.oid in (select oid from app))
                      and (v.relkind = 'm' or not t.relrowsecurity or o.rolsuper or o.rolbypassrls
                           or not t.relforcerowsecurity and pg_has_role(o.oid, t.relowner, 'USAGE')))
)
select name, severity, finding, sentence,
       case when is_copy or current_setting('server_version_num')::int < :oldest
            then format('REVOKE ALL ON %s FROM PUBLIC, %s;', name, array_to_string(readers, ', '))
            else format('ALTER VIEW %s SET (security_invoker = on);', name) end,
       null, finding = 'unchecked-view', case when not is_copy then tree end, is_app,
       array(select format('%s %s %s', a.attname, a.attrelid, a.attnum)
               from pg_attribute a
               join app on app.oid = a.attrelid
              where a.attname in ('id', 'user_id')),
       (select p.oid::text from pg_proc p join pg_namespace s on s.oid = p.pronamespace
         where s.nspname = 'auth' and p.proname = 'uid' and p.pronargs = 0)
  from views
 cross join lateral (
    select 'problem', 'leaking-view',
           format('The view %s %s, so %s may read the rows of all users through it.', name,
                  case when is_copy then 'keeps a copy of the rows' else 'runs with its owner''s rights' end,
                  array_to_string(readers, ' and '))
     where readers <> '{}'
     union all
    select 'warning', 'unchecked-view',
           format('The view %s shows users only their own rows. It runs with its owner''s rights and does not check what is'
                  ' written, so %s may store rows for any user.', name, array_to_string(writers, ' and '))
     where writers <> '{}'
 ) found (severity, finding, sentence)
 order by name
