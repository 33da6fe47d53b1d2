create or replace function public.transition_job_status(p_job_id uuid, p_new_status text, p_error text default null)
    returns boolean language plpgsql security definer set search_path = '' as $$
begin
    if p_new_status is null then
        raise check_violation using message = 'a generation job needs a status';
    end if;
    update public.generation_jobs
       set status = p_new_status, error = coalesce(p_error, error), updated_at = now()
     where id = p_job_id and user_id = auth.uid()
       and ((status, p_new_status) in (('queued', 'running'), ('running', 'succeeded'), ('running', 'failed'))
            or status not in ('succeeded', 'failed')
               and (status not in ('queued', 'running') or p_new_status not in ('queued', 'running', 'succeeded', 'failed')));
    return found;
end $$;
