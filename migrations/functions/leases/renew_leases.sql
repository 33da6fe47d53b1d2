-- Extends leases by the given seconds. A lease that another session has locked is left for the next time.
create or replace function gjobs.renew_leases(p_owner uuid, p_job_ids uuid[], p_attempts integer[], p_lease_seconds double precision)
    returns setof uuid language plpgsql volatile security invoker rows 10
    set search_path = '' set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
begin
    with held as materialized (
        select l.job_id
          from unnest(p_job_ids, p_attempts) as kept (job_id, attempt)
         cross join lateral (
               select l.job_id from gjobs.job_leases l
                where l.job_id = kept.job_id and l.attempt = kept.attempt and l.owner = p_owner
                  for no key update skip locked
               ) l
    )
    update gjobs.job_leases l set expires_at = clock_timestamp() + make_interval(secs => p_lease_seconds)
     where l.job_id = any (array(select held.job_id from held));
    return query
        select l.job_id
          from unnest(p_job_ids, p_attempts) as kept (job_id, attempt)
         cross join lateral (
               select l.job_id from gjobs.job_leases l
                where l.job_id = kept.job_id and l.attempt = kept.attempt and l.owner = p_owner offset 0
               ) l
          join public.generation_jobs j on j.id = l.job_id and j.status || '' = 'running';
end $$;
