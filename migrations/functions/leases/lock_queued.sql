-- Locks the oldest queued jobs that no other session has locked. The range condition and the planner settings enforce reading one index in
-- order, because the table's statistics may be outdated.
create or replace function gjobs.lock_queued(p_most integer)
    returns setof uuid language plpgsql volatile security invoker rows 10
    set search_path = '' set plan_cache_mode = force_generic_plan set enable_sort = off set enable_incremental_sort = off as $$
begin
    return query
        select j.id from public.generation_jobs j
         where j.status between 'queued' and 'queued'
         order by j.status desc, j.created_at, j.id limit p_most for no key update skip locked;
end $$;
