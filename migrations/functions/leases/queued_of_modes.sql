-- Returns the oldest queued jobs of each mode, without locking them. The range condition on the mode and the function's planner settings
-- enforce reading one index in order.
create or replace function gjobs.queued_of_modes(p_modes text[], p_most integer)
    returns table (id uuid, created_at timestamptz) language plpgsql volatile security invoker rows 10
    set search_path = '' set plan_cache_mode = force_generic_plan set enable_sort = off set enable_incremental_sort = off as $$
begin
    return query
        select oldest.id, oldest.created_at
          from unnest(p_modes) as wanted (mode)
         cross join lateral (
               select j.id, j.created_at
                 from public.generation_jobs j
                where j.status = 'queued' and left(j.mode, 200) between left(wanted.mode, 200) and left(wanted.mode, 200)
                  and j.mode = wanted.mode
                order by left(j.mode, 200), j.created_at, j.id limit p_most
               ) oldest;
end $$;
