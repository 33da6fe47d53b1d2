-- The caller's newest jobs.
create or replace function public.get_recent_jobs(p_limit integer default 10)
    returns table (id uuid, project_id uuid, status text, mode text, cost_cents integer, created_at timestamptz)
    language plpgsql security invoker set search_path = '' as $$
begin
    return query
        select j.id, j.project_id, j.status, j.mode, j.cost_cents, j.created_at
          from public.generation_jobs j where j.user_id = (select auth.uid()) order by j.created_at desc limit p_limit;
end $$;
