-- As gjobs.lock_queued, for some modes. If other sessions have locked every candidate, it takes more candidates.
create or replace function gjobs.choose_queued(p_modes text[], p_most integer)
    returns setof uuid language plpgsql volatile security invoker rows 10
    set search_path = '' set plan_cache_mode = force_generic_plan as $$
declare
    wanted     constant text[] := array(select distinct mode from unnest(p_modes) as mode);
    reach      integer := 2 * p_most + 10;
    candidates uuid[];
begin
    loop
        candidates := array(select q.id from gjobs.queued_of_modes(wanted, reach) q order by q.created_at, q.id limit reach);
        return query
            select j.id from public.generation_jobs j
             where j.id = any (candidates) and j.status = 'queued'
             order by array_position(candidates, j.id) limit p_most for no key update skip locked;
        exit when found or cardinality(candidates) < reach;
        reach := 4 * reach;
    end loop;
end $$;
