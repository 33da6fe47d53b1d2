-- Drops the app's schema only where it was made here, and only while it holds no row. The roles and auth stay.
do $$
declare
    projects bigint;
    assets   bigint;
    jobs     bigint;
begin
    if to_regclass('gjobs.made_tables') is null then
        raise object_not_in_prerequisite_state using
            message = 'Revision 0001 did not make the tables of this database, so it does not drop them.';
    end if;
    lock table public.projects, public.assets, public.generation_jobs in access exclusive mode;
    select count(*) into projects from public.projects;
    select count(*) into assets from public.assets;
    select count(*) into jobs from public.generation_jobs;
    if projects + assets + jobs > 0 then
        raise object_not_in_prerequisite_state using
            message = format('The tables that revision 0001 made are not empty: projects %s, assets %s, generation_jobs %s rows.',
                             projects, assets, jobs),
            hint = 'Delete the rows first if they are not needed.';
    end if;
end $$;

drop view public.generation_job_summary;
drop function public.transition_job_status(uuid, text, text);
drop function public.get_recent_jobs(integer);
drop function public.get_job_statistics(uuid);
drop table public.generation_jobs;
drop table public.assets;
drop table public.projects;
drop function public.update_updated_at_column();
drop table gjobs.made_tables;
