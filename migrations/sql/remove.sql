-- Drops everything of gjobs. If an object of the app depends on one of gjobs, the statement fails and names it.
do $$
declare
    ours text;
    one  record;
begin
    for one in
        select t.tgname, t.tgrelid::regclass as relation
          from pg_trigger t join pg_proc p on p.oid = t.tgfoid
         where p.pronamespace = 'gjobs'::regnamespace and not t.tgisinternal
    loop
        execute format('drop trigger %I on %s', one.tgname, one.relation);
    end loop;
    for one in
        select case granted.grantee when 0 then 'public' else quote_ident(r.rolname) end as reader
          from pg_namespace n
         cross join lateral aclexplode(n.nspacl) as granted
          left join pg_roles r on r.oid = granted.grantee
         where n.nspname = 'gjobs' and granted.privilege_type = 'USAGE' and granted.grantee <> n.nspowner
    loop
        execute 'revoke usage on schema gjobs from ' || one.reader;
    end loop;
    select string_agg(oid::regclass::text, ', ') into ours
      from pg_class where relnamespace = 'gjobs'::regnamespace and relkind = 'v';
    execute 'drop view ' || ours;
    select string_agg(oid::regprocedure::text, ', ') into ours from pg_proc where pronamespace = 'gjobs'::regnamespace;
    execute 'drop function ' || ours;
    select string_agg(oid::regclass::text, ', ') into ours
      from pg_class where relnamespace = 'gjobs'::regnamespace and relkind = 'r' and relname <> 'alembic_version';
    execute 'drop table ' || ours;
    drop sequence if exists gjobs.notified_at, gjobs.budgets_set_by;
end $$;
