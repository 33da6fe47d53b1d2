-- As for claims.

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
    -- From here on nobody else takes one of them over.
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
    -- Afterwards, for the events of the change name who had the lease.
    delete from gjobs.job_leases l
     where l.job_id = any (p_job_ids) and l.owner = p_owner
       and (l.job_id, l.attempt) in (select ended.job_id, ended.attempt from unnest(p_job_ids, p_attempts) as ended (job_id, attempt));
end $$;

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

create or replace function gjobs.note_progress(p_owner uuid, p_job_ids uuid[], p_attempts integer[], p_notes text[])
    returns setof uuid language plpgsql volatile security invoker rows 10
    set search_path = '' set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
begin
    return query
        with held as materialized (
            select l.job_id, told.note
              from unnest(p_job_ids, p_attempts, p_notes) as told (job_id, attempt, note)
             cross join lateral (
                   select l.job_id from gjobs.job_leases l
                    where l.job_id = told.job_id and l.attempt = told.attempt and l.owner = p_owner
                      for no key update skip locked
                   ) l
        )
        update gjobs.job_leases l set note = (select held.note from held where held.job_id = l.job_id limit 1)
         where l.job_id = any (array(select held.job_id from held))
        returning l.job_id;
end $$;

create or replace function gjobs.postpone_jobs(
    p_owner uuid, p_job_ids uuid[], p_attempts integer[], p_errors text[], p_costs integer[], p_wait_seconds double precision[])
    returns setof uuid language plpgsql volatile security invoker rows 10
    set search_path = '' set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off set lock_timeout = '2s' as $$
declare
    running uuid[];
begin
    -- From here on nobody else takes one of them over.
    running := array(
        select j.id from public.generation_jobs j
         where j.id = any (p_job_ids) and j.status || '' = 'running' order by j.id for no key update
    );
    -- First, for the event of the change names who has the lease.
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
