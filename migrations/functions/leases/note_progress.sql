-- Stores what a worker reports of its progress.
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
