-- Ends jobs that the worker holds. It returns the jobs that it changed: those still running whose lease has the given owner and attempt.
-- postpone_jobs, hand_back_jobs, renew_leases and note_progress also return the jobs that they changed.
-- Rows are found by their keys, see gjobs.take_over_jobs.
-- The app's triggers and policies run under the same settings. jit is off: with enable_seqscan off, a plan that reads a whole table looks
-- expensive enough to compile.
create or replace function gjobs.finish_jobs(
    p_owner uuid, p_job_ids uuid[], p_attempts integer[], p_statuses text[], p_errors text[], p_costs integer[])
    returns setof uuid language plpgsql volatile security invoker rows 10
    set search_path = '' set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off set lock_timeout = '2s' as $$
declare
    running uuid[];
begin
    if exists (select from unnest(p_statuses) as status where status is null or status not in ('succeeded', 'failed')) then
        raise check_violation using message = 'a job ends as succeeded or failed';
    end if;
    -- From here on no other session can take these jobs over.
    running := array(
        select j.id from public.generation_jobs j
         where j.id = any (p_job_ids) and j.status || '' = 'running' order by j.id for no key update
    );
    return query
        with held as materialized (
            select l.job_id, ended.status, ended.error, ended.cost_cents
              from unnest(p_job_ids, p_attempts, p_statuses, p_errors, p_costs) as ended (job_id, attempt, status, error, cost_cents)
             cross join lateral (
                   select l.job_id from gjobs.job_leases l
                    where l.job_id = ended.job_id and l.attempt = ended.attempt and l.owner = p_owner
                      for no key update
                   ) l
             where ended.job_id = any (running)
        )
        update public.generation_jobs j
           set status = held.status, error = coalesce(held.error, j.error), cost_cents = coalesce(held.cost_cents, j.cost_cents)
          from held where j.id = held.job_id
        returning j.id;
    -- The lease is deleted after the update, because the update's event names the lease's owner.
    delete from gjobs.job_leases l
     where l.job_id = any (p_job_ids) and l.owner = p_owner
       and (l.job_id, l.attempt) in (select ended.job_id, ended.attempt from unnest(p_job_ids, p_attempts) as ended (job_id, attempt));
end $$;
