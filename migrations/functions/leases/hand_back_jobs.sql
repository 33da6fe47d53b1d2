-- Releases jobs to other workers at once, as if this worker had not started them.
create or replace function gjobs.hand_back_jobs(p_owner uuid, p_job_ids uuid[], p_attempts integer[])
    returns setof uuid language plpgsql volatile security invoker rows 10
    set search_path = '' set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
begin
    return query
        with held as materialized (
            select l.job_id
              from unnest(p_job_ids, p_attempts) as kept (job_id, attempt)
             cross join lateral (
                   select l.job_id from gjobs.job_leases l
                    where l.job_id = kept.job_id and l.attempt = kept.attempt and l.owner = p_owner
                      for no key update skip locked
                   ) l
        )
        update gjobs.job_leases l set owner = null, attempt = l.attempt - 1, expires_at = now(), note = null
         where l.job_id = any (array(select held.job_id from held))
        returning l.job_id;
end $$;
