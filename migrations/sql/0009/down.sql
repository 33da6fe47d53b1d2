create or replace function gjobs.claim_jobs(p_owner uuid, p_modes text[], p_most integer, p_lease_seconds double precision)
    returns table (id uuid, user_id uuid, project_id uuid, status text, mode text, input_asset_id uuid, error text, cost_cents integer,
                   created_at timestamptz, updated_at timestamptz, attempt integer, lost_by uuid, note text)
    language plpgsql volatile security invoker rows 10
    set search_path = '' set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
    taken  integer := 0;
    chosen uuid[];
begin
    if exists (select from gjobs.job_leases l where l.expires_at <= now()) then
        return query
            select j.id, j.user_id, j.project_id, j.status, j.mode, j.input_asset_id, j.error, j.cost_cents, j.created_at, j.updated_at,
                   t.attempt, t.lost_by, t.note
              from gjobs.take_over_jobs(p_owner, p_modes, p_most, p_lease_seconds) t
              join public.generation_jobs j on j.id = t.job_id;
        get diagnostics taken = row_count;
        if taken >= p_most then
            return;
        end if;
    end if;
    chosen := case when p_modes is null then array(select gjobs.lock_queued(p_most - taken))
                   else array(select gjobs.choose_queued(p_modes, p_most - taken)) end;
    if chosen = '{}' then
        return;
    end if;
    -- First, for the event of the change names who has the lease. One may be left of a job that was queued anew.
    insert into gjobs.job_leases as l (job_id, owner, attempt, acquired_at, expires_at)
    select chosen_id, p_owner, 1, clock_timestamp(), clock_timestamp() + make_interval(secs => p_lease_seconds)
      from unnest(chosen) as chosen_id
        on conflict (job_id) do update
           set owner = excluded.owner, attempt = l.attempt + 1, acquired_at = excluded.acquired_at, expires_at = excluded.expires_at,
               note = null;
    return query
        with claimed as (
            update public.generation_jobs j set status = 'running' where j.id = any (chosen)
            returning j.id, j.user_id, j.project_id, j.status, j.mode, j.input_asset_id, j.error, j.cost_cents, j.created_at, j.updated_at
        )
        select c.*, l.attempt, null::uuid, null::text
          from claimed c join gjobs.job_leases l on l.job_id = c.id order by c.created_at, c.id;
end $$;

create or replace function gjobs.finish_jobs(
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

create or replace function gjobs.hand_back_jobs(p_owner uuid, p_job_ids uuid[], p_attempts integer[])
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

create or replace function gjobs.renew_leases(p_owner uuid, p_job_ids uuid[], p_attempts integer[], p_lease_seconds double precision)
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

create or replace function gjobs.note_progress(p_owner uuid, p_job_ids uuid[], p_attempts integer[], p_notes text[])
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

create or replace function gjobs.postpone_jobs(
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

create or replace function gjobs.take_over_jobs(p_owner uuid, p_modes text[], p_most integer, p_lease_seconds double precision)
    returns table (job_id uuid, attempt integer, lost_by uuid, note text) language plpgsql volatile security invoker rows 10
    set search_path = '' set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
    reach integer := 2 * p_most + 10;
    due   uuid[];
    free  uuid[];
begin
    loop
        due := array(select l.job_id from gjobs.job_leases l where l.expires_at <= now() order by l.expires_at limit reach);
        free := array(
            select j.id from public.generation_jobs j
             where j.id = any (due) and j.status = 'running' and (p_modes is null or j.mode = any (p_modes))
             order by j.id limit p_most for no key update skip locked
        );
        exit when free <> '{}' or cardinality(due) < reach;
        reach := 4 * reach;
    end loop;
    if due = '{}' then
        return;
    end if;
    return query
        with expired as (
            select l.job_id, l.owner, l.note
              from gjobs.job_leases l where l.job_id = any (free) and l.expires_at <= now() for no key update skip locked
        )
        update gjobs.job_leases l
           set owner = p_owner, attempt = l.attempt + 1, acquired_at = clock_timestamp(),
               expires_at = clock_timestamp() + make_interval(secs => p_lease_seconds), note = null
          from expired where l.job_id = expired.job_id
        returning l.job_id, l.attempt, expired.owner, expired.note;
    delete from gjobs.job_leases l
     where l.job_id = any (due) and l.expires_at <= now()
       and not exists (select from public.generation_jobs j where j.id = l.job_id and j.status = 'running');
end $$;
