-- The objects of the schemas as PostgreSQL describes them: the kind of each object, and the facts about it.
with own as (
    select oid, nspname as name from pg_namespace where nspname in ('public', 'auth', 'gjobs')
), relations as (
    select c.*, own.name as schema from pg_class c join own on own.oid = c.relnamespace where c.relkind in ('r', 'v', 'S', 'c')
), functions as (
    select p.*, own.name as schema from pg_proc p join own on own.oid = p.pronamespace
)
select 'relations' as kind, jsonb_build_array(schema, relname, relkind, relrowsecurity, relforcerowsecurity,
                                      (select jsonb_agg(o order by o) from unnest(reloptions) o),
                                  relowner::regrole) as facts from relations
union all
select 'columns', jsonb_build_array(r.schema, r.relname, row_number() over (partition by r.oid order by a.attnum), a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                        a.attidentity, pg_get_expr(d.adbin, d.adrelid))
  from relations r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
union all
select 'constraints', jsonb_build_array(r.schema, r.relname, c.conname, c.convalidated, pg_get_constraintdef(c.oid))
  from relations r join pg_constraint c on c.conrelid = r.oid
union all
select 'indexes', jsonb_build_array(r.schema, r.relname, i.indexrelid::regclass, i.indisvalid, pg_get_indexdef(i.indexrelid))
  from relations r join pg_index i on i.indrelid = r.oid
union all
select 'triggers', jsonb_build_array(r.schema, r.relname, t.tgname, t.tgenabled, pg_get_triggerdef(t.oid))
  from relations r join pg_trigger t on t.tgrelid = r.oid and not t.tgisinternal
union all
select 'policies', jsonb_build_array(schemaname, tablename, policyname, permissive, roles, cmd, qual, with_check)
  from pg_policies
union all
select 'functions', jsonb_build_array(schema, oid::regprocedure, proowner::regrole, pg_get_functiondef(oid)) from functions
union all
select 'views', jsonb_build_array(schema, relname, pg_get_viewdef(oid)) from relations where relkind = 'v'
union all
select 'sequences', jsonb_build_array(r.schema, r.relname, format_type(s.seqtypid, null), s.seqstart, s.seqincrement, s.seqmin, s.seqmax,
                                      s.seqcache, s.seqcycle)
  from relations r join pg_sequence s on s.seqrelid = r.oid
union all
select 'comments', jsonb_build_array(r.schema, r.relname, a.attname, d.description)
  from relations r
  join pg_description d on d.classoid = 'pg_class'::regclass and d.objoid = r.oid
  left join pg_attribute a on a.attrelid = r.oid and a.attnum = d.objsubid and d.objsubid <> 0
union all
select 'comments', jsonb_build_array(f.schema, f.oid::regprocedure, null, d.description)
  from functions f join pg_description d on d.classoid = 'pg_proc'::regclass and d.objoid = f.oid
union all
-- Without a list of grants, the default applies.
select 'grants', jsonb_build_array(schema, object, (select jsonb_agg(item::text order by item::text) from unnest(acl) item))
  from (
      select name as schema, null as object, coalesce(nspacl, acldefault('n', nspowner)) as acl from pg_namespace join own using (oid)
      union all
      select schema, relname, coalesce(relacl, acldefault(case relkind when 'S' then 's' else 'r' end::"char", relowner)) from relations
      union all
      select schema, oid::regprocedure::text, coalesce(proacl, acldefault('f', proowner)) from functions
  ) granted
order by 1, 2;
