-- What the app's users may use of gjobs beyond its views and functions for them. A restore into another cluster may grant it.
select name, 'problem', 'open-to-users', format('%s may use %s, which only the owner and service_role need.', roles, name),
       format('REVOKE ALL ON %s %s FROM %s;', kind, name, roles), null
  from (
    select case when c.relkind = 'S' then 'SEQUENCE' else 'TABLE' end as kind, c.oid::regclass::text as name, c.relacl as privileges
      from pg_class c
     where c.relnamespace = to_regnamespace('gjobs') and c.relkind in ('r', 'S') and c.relname <> 'alembic_version'
     union all
    select 'FUNCTION', p.oid::regprocedure::text, coalesce(p.proacl, acldefault('f', p.proowner))
      from pg_proc p
     where p.pronamespace = to_regnamespace('gjobs') and p.proname in ('fold_events', 'count_again') and p.prosecdef
  ) ours
 cross join lateral (
    select string_agg(distinct case a.grantee when 0 then 'public' else r.rolname end, ', ') as roles
      from aclexplode(privileges) a
      left join pg_roles r on r.oid = a.grantee
     where a.grantee = 0 or r.rolname in ('anon', 'authenticated')
  ) granted
 where roles is not null
 order by name
