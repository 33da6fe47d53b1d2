-- Archives jobs and returns those that existed. Row level security decides which the caller may archive.
create or replace function gjobs.archive_jobs(p_job_ids uuid[])
    returns setof uuid language plpgsql volatile security invoker set search_path = '' as $$
declare
    moved uuid[];
begin
    perform set_config('gjobs.archiving', 'on', true);
    with gone as (delete from public.generation_jobs j where j.id = any (p_job_ids) returning j.id)
    select array_agg(id) into moved from gone;
    perform set_config('gjobs.archiving', 'off', true);
    if (select count(*) from gjobs.archived_jobs a where a.id = any (moved) and a.archived_at = now()) < cardinality(moved) then
        raise exception using
            message = 'the archive did not take every job',
            hint = 'Its trigger on the jobs is disabled, or its rows are not yours to see.';
    end if;
    return query select unnest(moved);
end $$;
