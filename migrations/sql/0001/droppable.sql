-- Refuses if the tables hold rows, or if they were neither created by the migrations nor taken over from the app.
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
    if not exists (select from gjobs.made_tables) then
        return;
    end if;
    select count(*) into projects from public.projects;
    select count(*) into assets from public.assets;
    select count(*) into jobs from public.generation_jobs;
    if projects + assets + jobs > 0 then
        raise object_not_in_prerequisite_state using
            message = format('The tables that revision 0001 made are not empty: projects %s, assets %s, generation_jobs %s rows.',
                             projects, assets, jobs),
            hint = 'Delete the rows first if they are not needed.';
    end if;
end $$
