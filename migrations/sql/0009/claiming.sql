-- As revision 0006 has them, but for how jobs and leases are found: each by its key. An index of what runs, or a join with all that are
-- held, may have each of them read, as in a plan that was made when there were few, until somebody has analyzed them again. So no index
-- is offered the status of what runs.

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
             where j.id = any (due) and j.status || '' = 'running' and (p_modes is null or j.mode = any (p_modes))
             order by j.id limit p_most for no key update skip locked
        );
        exit when free <> '{}' or cardinality(due) < reach;
        reach := 4 * reach;
    end loop;
    if due = '{}' then
        return;
    end if;
    return query
        with expired as materialized (
            select l.job_id, l.owner, l.note
              from gjobs.job_leases l where l.job_id = any (free) and l.expires_at <= now() for no key update skip locked
        )
        update gjobs.job_leases l
           set owner = p_owner, attempt = l.attempt + 1, acquired_at = clock_timestamp(),
               expires_at = clock_timestamp() + make_interval(secs => p_lease_seconds), note = null
         where l.job_id = any (array(select expired.job_id from expired))
        returning l.job_id, l.attempt, (select expired.owner from expired where expired.job_id = l.job_id),
                  (select expired.note from expired where expired.job_id = l.job_id);
    delete from gjobs.job_leases l
     where l.job_id = any (due) and l.expires_at <= now()
       and not exists (select from public.generation_jobs j where j.id = l.job_id and j.status || '' = 'running');
end $$;

-- At most so many jobs, each with the number of its attempt: those whose lease has expired before the queued ones. lost_by and note are
-- of the lease that expired: who lost it, or, where nobody held it, why its last attempt failed.
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
            returning j.id, j.user_id, j.project_id, j.status, j.mode, j.input_asset_id, j.error, j.cost_cents, j.created_at, j.updated_at,
                      (select l.attempt from gjobs.job_leases l where l.job_id = j.id)
        )
        select c.*, null::uuid, null::text from claimed c order by c.created_at, c.id;
end $$;
