-- What every run starts with, in the transaction that it ends with. Each name below carries its schema.
set local search_path = '';
set local statement_timeout = 0;
set local lock_timeout = '2s';

do $$
begin
    if current_setting('server_version_num')::integer < 150000 then
        raise object_not_in_prerequisite_state using
            message = format('The migrations need PostgreSQL 15 or newer; this server is %s.', current_setting('server_version'));
    end if;
    perform pg_advisory_xact_lock(hashtextextended('gjobs migrate', 0));
    if to_regnamespace('gjobs') is null then
        if not has_database_privilege(current_database(), 'create') then
            raise invalid_schema_name using
                message = format('The role %s may not create the schema gjobs, which keeps the revision.', current_user),
                hint = format('An administrator of the database %s can: CREATE SCHEMA gjobs AUTHORIZATION %I;',
                              current_database(), current_user);
        end if;
        create schema gjobs;
    end if;
end $$;
