-- Drops the schema of the earlier build, whose data is copied. An object of the app that depends on it is not dropped: the statement fails
-- and names it. Its foreign keys lock the users, so it soon gives up.
set local lock_timeout = '200ms';
do $$
declare
    ours text;
    one  record;
begin
    for one in
        select p.polname, p.polrelid::regclass as relation
          from pg_policy p join pg_class c on c.oid = p.polrelid where c.relnamespace = 'gjobs_0013'::regnamespace
    loop
        execute format('drop policy %I on %s', one.polname, one.relation);
    end loop;
    for one in
        select t.tgname, t.tgrelid::regclass as relation
          from pg_trigger t join pg_class c on c.oid = t.tgrelid
         where c.relnamespace = 'gjobs_0013'::regnamespace and not t.tgisinternal
    loop
        execute format('drop trigger %I on %s', one.tgname, one.relation);
    end loop;
    select string_agg(oid::regclass::text, ', ') into ours
      from pg_class where relnamespace = 'gjobs_0013'::regnamespace and relkind = 'v';
    execute 'drop view ' || ours;
    select string_agg(oid::regprocedure::text, ', ') into ours from pg_proc where pronamespace = 'gjobs_0013'::regnamespace;
    execute 'drop function ' || ours;
    select string_agg(oid::regclass::text, ', ') into ours
      from pg_class where relnamespace = 'gjobs_0013'::regnamespace and relkind = 'r';
    execute 'drop table ' || ours;
end $$;
drop sequence gjobs_0013.told_at;
drop type gjobs_0013.job_cost_change;
drop schema gjobs_0013;
