-- Ends the attempt; any worker may start the next one after the given seconds. The cost, if given, is the job's cost so far.
create or replace function gjobs.postpone_jobs(
    p_owner uuid, p_job_ids uuid[], p_attempts integer[], p_errors text[], p_costs integer[], p_wait_seconds double precision[])
    returns setof uuid language plpgsql volatile security invoker rows 10
    set search_path = '' set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off set lock_timeout = '2s' as $$
declare
    running uuid[];
begin
    -- From here on no other session can take these jobs over.
    running := array(
        select j.id from public.generation_jobs j
         where j.id = any (p_job_ids) and j.status || '' = 'running' order by j.id for no key update
    );
    -- The update comes before the lease is released, because the update's event names the lease's owner.
    update public.generation_jobs j
       set cost_cents = failed.cost_cents
      from unnest(p_job_ids, p_attempts, p_costs) as failed (job_id, attempt, cost_cents)
     where j.id = failed.job_id and j.id = any (running) and j.cost_cents is distinct from failed.cost_cents
       and failed.cost_cents is not null
       and exists (select from gjobs.job_leases l
                    where l.job_id = failed.job_id and l.attempt = failed.attempt and l.owner = p_owner offset 0);
    return query
        update gjobs.job_leases l
           set owner = null, expires_at = clock_timestamp() + make_interval(secs => failed.wait_seconds), note = failed.error
          from unnest(p_job_ids, p_attempts, p_errors, p_wait_seconds) as failed (job_id, attempt, error, wait_seconds)
         where l.job_id = any (running) and l.job_id = failed.job_id and l.attempt = failed.attempt and l.owner = p_owner
        returning l.job_id;
end $$;
