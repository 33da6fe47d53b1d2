-- Early builds let users link their jobs to others' jobs, and hid archived jobs if further policies existed.
do $$
declare
    own constant text := 'exists (select from public.generation_jobs j where j.id = %s and j.user_id = (select auth.uid()))';
begin
    if exists (select from pg_policy where polrelid = 'gjobs.job_links'::regclass and polname = 'insert_own'
                                       and pg_get_expr(polwithcheck, polrelid) not like '%repeats%') then
        execute 'alter policy insert_own on gjobs.job_links with check (' || format(own, 'job_id') || ' and '
                || format(own, 'repeats') || ')';
    end if;
    if exists (select from pg_policy where polrelid = 'gjobs.archived_jobs'::regclass and polname = 'own_rows'
                                       and pg_get_expr(polqual, polrelid) not like '%sees_own_jobs%') then
        alter policy own_rows on gjobs.archived_jobs
            using ((select auth.uid()) = user_id and (select gjobs.sees_own_jobs()));
    end if;
end $$;
