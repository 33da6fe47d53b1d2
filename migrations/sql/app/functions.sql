-- The app's functions and its view. They run with their caller's rights, and no temporary table of a caller can replace one of the app's.

-- Jobs and costs by status: the caller's own, or those of any user if the caller bypasses row level security.
create or replace function public.get_job_statistics(p_user_id uuid default null)
    returns table (status text, count bigint, total_cost_cents bigint, avg_cost_cents numeric)
    language plpgsql security invoker set search_path = '' as $$
begin
    if p_user_id is distinct from auth.uid() and p_user_id is not null
       and row_security_active('public.generation_jobs') then
        raise insufficient_privilege using message = 'the statistics of another user are not yours to read';
    end if;
    return query
        select j.status, count(*), sum(j.cost_cents), avg(j.cost_cents)
          from public.generation_jobs j where j.user_id = coalesce(p_user_id, (select auth.uid()))
         group by j.status order by j.status;
end $$;

-- The caller's newest jobs.
create or replace function public.get_recent_jobs(p_limit integer default 10)
    returns table (id uuid, project_id uuid, status text, mode text, cost_cents integer, created_at timestamptz)
    language plpgsql security invoker set search_path = '' as $$
begin
    return query
        select j.id, j.project_id, j.status, j.mode, j.cost_cents, j.created_at
          from public.generation_jobs j where j.user_id = (select auth.uid()) order by j.created_at desc limit p_limit;
end $$;

-- Moves a job to another status. Returns true if this statement moved it. Returns false if the present status does not allow the move, or
-- if the caller sees no such job. Keeps an earlier error unless a new one is given. A status that only the app has follows the app's
-- own rule: a job that has ended does not move. The table's check constraint refuses unknown statuses.
create or replace function public.transition_job_status(p_job_id uuid, p_new_status text, p_error text default null)
    returns boolean language plpgsql security invoker set search_path = '' as $$
begin
    if p_new_status is null then
        raise check_violation using
            message = 'a generation job needs a status',
            schema = 'public', table = 'generation_jobs', column = 'status', constraint = 'generation_jobs_status_check';
    end if;
    update public.generation_jobs
       set status = p_new_status, error = coalesce(p_error, error), updated_at = now()
     where id = p_job_id
       and ((status, p_new_status) in (('queued', 'running'), ('running', 'succeeded'), ('running', 'failed'))
            or status not in ('succeeded', 'failed')
               and (status not in ('queued', 'running') or p_new_status not in ('queued', 'running', 'succeeded', 'failed')));
    return found;
end $$;

create or replace view public.generation_job_summary with (security_invoker = on) as
    select user_id, project_id, status, count(*) as job_count, sum(cost_cents) as total_cost_cents,
           avg(cost_cents) as avg_cost_cents, min(created_at) as first_job_at, max(created_at) as last_job_at
      from public.generation_jobs group by user_id, project_id, status;
