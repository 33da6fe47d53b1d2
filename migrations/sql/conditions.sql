-- The requirements of every run.
do $$
declare
    owner constant text := (
        select min(relowner::regrole::text) from pg_class
         where oid in (to_regclass('public.projects'), to_regclass('public.assets'), to_regclass('public.generation_jobs'),
                       to_regclass('public.generation_job_summary'))
           and not pg_has_role(current_user, relowner, 'usage')
    );
begin
    if current_setting('server_version_num')::integer < 150000 then
        raise object_not_in_prerequisite_state using
            message = format('The migrations need PostgreSQL 15 or newer; this server is %s.', current_setting('server_version'));
    end if;
    if not pg_try_advisory_xact_lock(hashtextextended('gjobs migrate', 0)) then
        raise lock_not_available using message = 'Another migration is running.';
    end if;
    if owner is not null then
        raise insufficient_privilege using
            message = format('The app''s tables belong to %s. Only their owner can migrate them, and you are connected as %s.', owner,
                             current_user),
            hint = format('Connect as %s, or have an administrator run what ''gjobs migrate sql'' prints.', owner);
    end if;
    if to_regnamespace('gjobs') is null then
        if not has_database_privilege(current_database(), 'create') then
            raise invalid_schema_name using
                message = format('The role %s may not create the schema gjobs, which keeps the revision.', current_user),
                hint = format('An administrator of the database %s can: CREATE SCHEMA gjobs AUTHORIZATION %I;',
                              current_database(), current_user);
        end if;
        create schema gjobs;
    end if;
    if to_regnamespace('public') is not null and not has_schema_privilege('public', 'create') then
        raise insufficient_privilege using
            message = format('The role %s may not create anything in the schema public.', current_user),
            hint = format('An administrator can: GRANT CREATE ON SCHEMA public TO %I;', current_user);
    end if;
end $$;
