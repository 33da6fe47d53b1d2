-- What a worker does with the jobs that it holds. Each answers with the jobs for which it was done: those whose lease is the worker's
-- still, with that number of attempt, and which run still. Everything is found by its key, however few leases there were when the
-- session planned it. The app's own triggers and policies run under the same settings: a plan of theirs that cannot do without reading a
-- whole table seems so dear there that the server would compile it each time.

create function gjobs.finish_jobs(
    p_owner uuid, p_job_ids uuid[], p_attempts integer[], p_statuses text[], p_errors text[], p_costs integer[])
    returns setof uuid language plpgsql volatile security invoker rows 10
    set search_path = '' set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off set lock_timeout = '2s' as $$
begin
    if exists (select from unnest(p_statuses) as status where status is null or status not in ('succeeded', 'failed')) then
        raise check_violation using message = 'a job ends as succeeded or failed';
    end if;
    return query
        with running as materialized (
            select j.id from public.generation_jobs j
             where j.id = any (p_job_ids) and j.status = 'running' order by j.id for no key update
        ), held as materialized (
            select l.job_id, ended.status, ended.error, ended.cost_cents
              from unnest(p_job_ids, p_attempts, p_statuses, p_errors, p_costs) as ended (job_id, attempt, status, error, cost_cents)
              join running on running.id = ended.job_id
              join gjobs.job_leases l on l.job_id = ended.job_id and l.attempt = ended.attempt
             where l.owner = p_owner
               for no key update of l
        )
        update public.generation_jobs j
           set status = held.status, error = coalesce(held.error, j.error), cost_cents = coalesce(held.cost_cents, j.cost_cents)
          from held where j.id = held.job_id
        returning j.id;
    -- Afterwards, for the events of the change name who had the lease.
    delete from gjobs.job_leases l using unnest(p_job_ids, p_attempts) as ended (job_id, attempt)
     where l.job_id = ended.job_id and l.attempt = ended.attempt and l.owner = p_owner;
end $$;

-- To be attempted again after so many seconds, by whoever takes it. The cost, where one is given, is that of the job so far.
create function gjobs.postpone_jobs(
    p_owner uuid, p_job_ids uuid[], p_attempts integer[], p_errors text[], p_costs integer[], p_wait_seconds double precision[])
    returns setof uuid language plpgsql volatile security invoker rows 10
    set search_path = '' set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off set lock_timeout = '2s' as $$
begin
    -- From here on nobody else takes one of them over.
    perform from public.generation_jobs j
      where j.id = any (p_job_ids) and j.status = 'running' order by j.id for no key update;
    -- First, for the event of the change names who has the lease.
    update public.generation_jobs j
       set cost_cents = failed.cost_cents
      from unnest(p_job_ids, p_attempts, p_costs) as failed (job_id, attempt, cost_cents)
      join gjobs.job_leases l on l.job_id = failed.job_id and l.attempt = failed.attempt and l.owner = p_owner
     where j.id = failed.job_id and j.status = 'running' and j.cost_cents is distinct from failed.cost_cents
       and failed.cost_cents is not null;
    return query
        update gjobs.job_leases l
           set owner = null, expires_at = clock_timestamp() + make_interval(secs => failed.wait_seconds), note = failed.error
          from unnest(p_job_ids, p_attempts, p_errors, p_wait_seconds) as failed (job_id, attempt, error, wait_seconds)
          join public.generation_jobs j on j.id = failed.job_id and j.status = 'running'
         where l.job_id = failed.job_id and l.attempt = failed.attempt and l.owner = p_owner
        returning l.job_id;
end $$;

-- To be attempted by another worker at once, as if this one had not begun.
create function gjobs.hand_back_jobs(p_owner uuid, p_job_ids uuid[], p_attempts integer[])
    returns setof uuid language plpgsql volatile security invoker rows 10
    set search_path = '' set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
begin
    return query
        with held as materialized (
            select l.job_id
              from unnest(p_job_ids, p_attempts) as kept (job_id, attempt)
              join gjobs.job_leases l on l.job_id = kept.job_id and l.attempt = kept.attempt
             where l.owner = p_owner
               for no key update of l skip locked
        )
        update gjobs.job_leases l set owner = null, attempt = l.attempt - 1, expires_at = now(), note = null
          from held where l.job_id = held.job_id
        returning l.job_id;
end $$;

-- For so many seconds more. Of a lease that somebody has locked just now nothing is changed: it is renewed the next time.
create function gjobs.renew_leases(p_owner uuid, p_job_ids uuid[], p_attempts integer[], p_lease_seconds double precision)
    returns setof uuid language plpgsql volatile security invoker rows 10
    set search_path = '' set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
begin
    with held as materialized (
        select l.job_id
          from unnest(p_job_ids, p_attempts) as kept (job_id, attempt)
          join gjobs.job_leases l on l.job_id = kept.job_id and l.attempt = kept.attempt
         where l.owner = p_owner
           for no key update of l skip locked
    )
    update gjobs.job_leases l set expires_at = clock_timestamp() + make_interval(secs => p_lease_seconds)
      from held where l.job_id = held.job_id;
    return query
        select l.job_id
          from unnest(p_job_ids, p_attempts) as kept (job_id, attempt)
          join gjobs.job_leases l on l.job_id = kept.job_id and l.attempt = kept.attempt
          join public.generation_jobs j on j.id = l.job_id and j.status = 'running'
         where l.owner = p_owner;
end $$;

-- What a worker tells of its progress.
create function gjobs.note_progress(p_owner uuid, p_job_ids uuid[], p_attempts integer[], p_notes text[])
    returns setof uuid language plpgsql volatile security invoker rows 10
    set search_path = '' set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
begin
    return query
        with held as materialized (
            select l.job_id, told.note
              from unnest(p_job_ids, p_attempts, p_notes) as told (job_id, attempt, note)
              join gjobs.job_leases l on l.job_id = told.job_id and l.attempt = told.attempt
             where l.owner = p_owner
               for no key update of l skip locked
        )
        update gjobs.job_leases l set note = held.note from held where l.job_id = held.job_id
        returning l.job_id;
end $$;
