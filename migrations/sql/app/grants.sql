-- The grants of a hosted project, so that row level security decides what a user sees, and not a missing grant.
do $$
declare
    name text;
begin
    foreach name in array array['anon', 'authenticated', 'service_role'] loop
        continue when to_regrole(name) is null;
        if not has_schema_privilege(name, 'public', 'usage') then
            execute format('grant usage on schema public to %I', name);
        end if;
        if not has_schema_privilege(name, 'auth', 'usage') then
            execute format('grant usage on schema auth to %I', name);
        end if;
        execute format('grant select, insert, update, delete on public.projects, public.assets, public.generation_jobs to %I', name);
        execute format('grant select on public.generation_job_summary to %I', name);
        execute format('grant execute on function public.get_job_statistics(uuid), public.get_recent_jobs(integer), '
                       'public.transition_job_status(uuid, text, text) to %I', name);
    end loop;
end $$;
