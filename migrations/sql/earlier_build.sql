-- An earlier build left this database at its revision 0013. It had replaced functions, policies and the view of the app: they come back as
-- they were. In a database that it created, those of revision 0001_app take their place.
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
    delete from gjobs.replaced where object not like 'column %' and object <> 'view public.stuck_jobs';
end $earlier$;

drop function gjobs.owns_asset(uuid);
comment on function gjobs.error_group(text) is null;
drop table gjobs.made_tables;
update gjobs.alembic_version set version_num = '0002_gjobs' where version_num = '0013';
