-- Counts the jobs if gjobs.rollups_agree() is false for the caller; otherwise it returns no rows. A function, so that the planner does not
-- add the cost of a count to a view that does not need one.
create or replace function gjobs.count_jobs()
    returns table (user_id uuid, project_id uuid, status text, mode text, job_count bigint, cost_cents bigint)
    language plpgsql stable security invoker rows 10 set search_path = '' as $$
begin
    if not gjobs.rollups_agree() then
        return query
            select j.user_id, j.project_id, j.status, j.mode, count(*), sum(j.cost_cents)
              from public.generation_jobs j group by j.user_id, j.project_id, j.status, j.mode;
    end if;
end $$;
