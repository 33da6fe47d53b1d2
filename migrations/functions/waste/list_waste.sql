-- Counts the failed jobs and the retries if gjobs.rollups_agree() is false for the caller; otherwise it returns no rows.
-- The group of each distinct error is computed once.
create or replace function gjobs.list_waste()
    returns table (user_id uuid, project_id uuid, mode text, error_group text, job_count bigint, cost_cents bigint)
    language plpgsql stable security invoker rows 10 set search_path = '' set enable_nestloop = off as $$
begin
    if not gjobs.rollups_agree() then
        return query
            with errors as materialized (
                select e.error, gjobs.error_group(e.error) as its_group
                  from (select distinct coalesce(j.error::text, '') as error from public.generation_jobs j where j.status = 'failed') e
            )
            select j.user_id, j.project_id, j.mode::text as its_mode, coalesce(e.its_group, '') as its_group, count(*),
                   coalesce(sum(j.cost_cents), 0)::bigint
              from public.generation_jobs j
              left join errors e on j.status = 'failed' and e.error = coalesce(j.error::text, '')
             where j.status = 'failed' or j.retry_count > 0
             group by j.user_id, j.project_id, its_mode, e.its_group;
    end if;
end $$;
