-- Gives jobs with an expired lease to this worker, as another attempt, and deletes leases of jobs that no longer run.
-- Every function locks a job before its lease, and locks several jobs in the order of their ids. take_over_jobs, hand_back_jobs,
-- renew_leases and note_progress skip leases that another session has locked. So there are no deadlocks. Jobs and leases are found by their
-- keys. Otherwise, a plan cached while few jobs ran might read all running jobs through a status index or a join. `status || ''` keeps the
-- planner from such an index.
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
