-- Drops the app's schema only if the migrations created it. Otherwise drops only what the migrations recorded. The roles and auth stay.
do $$
begin
    if not exists (select from gjobs.made_tables) then
        raise notice 'The tables are the app''s own: they stay.';
        return;
    end if;
    lock table public.projects, public.assets, public.generation_jobs in access exclusive mode;
    drop view public.generation_job_summary;
    drop function public.transition_job_status(uuid, text, text);
    drop function public.get_recent_jobs(integer);
    drop function public.get_job_statistics(uuid);
    drop table public.generation_jobs;
    drop table public.assets;
    drop table public.projects;
    drop function public.update_updated_at_column();
end $$;

drop table gjobs.made_tables;
