-- An earlier build left this database at its revision 0013. It had replaced functions and the view of the app: they come back as they were,
-- after the policies. In a database that it created, those of revision 0001_app take their place. Its columns and its view of stuck jobs
-- belong to the app from now on.
do $earlier$
declare
    is_app constant boolean := not exists (select from gjobs.made_tables);
    one    record;
begin
    if is_app then
        for one in
            select restore from gjobs.replaced
             where object not like 'column %' and object <> 'view public.stuck_jobs' order by id desc
        loop
            execute one.restore;
        end loop;
    else
        for one in
            select policyname, tablename from pg_policies
             where schemaname = 'public' and tablename in ('projects', 'assets', 'generation_jobs')
               and (policyname ~ '^Users can (view|insert|update|delete) own ' or policyname like 'Own % in own projects, %')
        loop
            execute format('drop policy %I on public.%I', one.policyname, one.tablename);
        end loop;
        -- The app's functions and policies.
    end if;
    if exists (select from gjobs.replaced where object = 'column public.generation_jobs.completed_at') then
        -- What keeps completed_at.
    end if;
end $earlier$;

-- Its schema is kept under another name until earlier_data.sql has copied what it holds.
do $$
declare
    one record;
begin
    for one in
        select t.tgname from pg_trigger t join pg_proc p on p.oid = t.tgfoid
         where t.tgrelid = 'public.generation_jobs'::regclass and p.pronamespace = 'gjobs'::regnamespace
    loop
        execute format('drop trigger %I on public.generation_jobs', one.tgname);
    end loop;
end $$;
alter schema gjobs rename to gjobs_0013;
create schema gjobs;
alter table gjobs_0013.alembic_version set schema gjobs;
update gjobs.alembic_version set version_num = '0001_app' where true;
