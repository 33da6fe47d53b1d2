-- Claims at most p_most jobs; those with an expired lease come before the queued ones. attempt is the number of the attempt. lost_by and
-- note come from the expired lease: the worker that lost it, or, if it had no owner, why the last attempt failed.
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
    -- The lease is written before the update, because the update's event names the lease's owner. A job that was queued again may still
    -- have a lease.
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
