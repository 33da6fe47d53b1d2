-- As gjobs.list_waste, by the UTC day on which the jobs were created.
create or replace function gjobs.list_day_waste()
    returns table (user_id uuid, project_id uuid, day date, has_failed boolean, job_count bigint, cost_cents bigint)
    language plpgsql stable security invoker rows 10 set search_path = '' as $$
begin
    if not gjobs.rollups_agree() then
        return query
            select j.user_id, j.project_id, (j.created_at at time zone 'UTC')::date as utc_day, j.status is not distinct from 'failed' as failed,
                   count(*), coalesce(sum(j.cost_cents), 0)::bigint
              from public.generation_jobs j
             where j.status = 'failed' or j.retry_count > 0
             group by j.user_id, j.project_id, utc_day, failed;
    end if;
end $$;
