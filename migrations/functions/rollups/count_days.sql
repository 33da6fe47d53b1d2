-- As gjobs.count_jobs, by the UTC day on which the jobs were created.
create or replace function gjobs.count_days()
    returns table (user_id uuid, project_id uuid, day date, job_count bigint, cost_cents bigint)
    language plpgsql stable security invoker rows 10 set search_path = '' as $$
begin
    if not gjobs.rollups_agree() then
        return query
            select j.user_id, j.project_id, (j.created_at at time zone 'UTC')::date as utc_day, count(*), sum(j.cost_cents)
              from public.generation_jobs j group by j.user_id, j.project_id, utc_day;
    end if;
end $$;
