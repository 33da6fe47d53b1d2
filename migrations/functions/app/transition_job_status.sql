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
