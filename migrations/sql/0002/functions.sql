-- The app's functions and view with its signatures and without its faults. They run with the rights of whoever calls them, so that
-- row level security decides; the pinned search_path keeps a caller's temporary table from standing in for the app's.

alter function public.update_updated_at_column() set search_path = '';

-- True for the one caller whose statement moved the job; false where its status does not permit the move, and where there is no such
-- job or none that the caller sees. An earlier error stays unless another is given. An unknown status is a check violation.
create or replace function public.transition_job_status(p_job_id uuid, p_new_status text, p_error text default null)
    returns boolean language plpgsql security invoker set search_path = '' as $$
begin
    if p_new_status is null or p_new_status not in ('queued', 'running', 'succeeded', 'failed') then
        raise check_violation using
            message = format('%L is not a status of a generation job', p_new_status),
            schema = 'public', table = 'generation_jobs', column = 'status', constraint = 'generation_jobs_status_check';
    end if;
    update public.generation_jobs
       set status = p_new_status, error = coalesce(p_error, error), updated_at = now()
     where id = p_job_id
       and (status, p_new_status) in (('queued', 'running'), ('running', 'succeeded'), ('running', 'failed'));
    return found;
end $$;

-- Of the caller, or of the user asked for where the caller bypasses row level security.
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

create or replace function public.get_recent_jobs(p_limit integer default 10)
    returns table (id uuid, project_id uuid, status text, mode text, cost_cents integer, created_at timestamptz)
    language plpgsql security invoker set search_path = '' as $$
begin
    return query
        select j.id, j.project_id, j.status, j.mode, j.cost_cents, j.created_at
          from public.generation_jobs j where j.user_id = (select auth.uid()) order by j.created_at desc limit p_limit;
end $$;

alter view public.generation_job_summary set (security_invoker = on);
