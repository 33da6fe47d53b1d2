-- Counts the failed jobs and the retries if the rollups cannot answer for the caller, see gjobs.count_jobs; otherwise it returns no rows.
create or replace function gjobs.list_waste()
    returns table (user_id uuid, project_id uuid, mode text, error_group text, job_count bigint, cost_cents bigint)
    language plpgsql stable security invoker rows 10 set search_path = '' as $$
begin
    if not gjobs.rollups_agree() then
        return query
            select j.user_id, j.project_id, j.mode, case when j.status = 'failed' then gjobs.error_group(j.error) else '' end as its_group,
                   count(*), coalesce(sum(j.cost_cents), 0)
              from public.generation_jobs j
             where j.status = 'failed' or j.retry_count > 0
             group by j.user_id, j.project_id, j.mode, its_group;
    end if;
end $$;
