-- Replaces totals, days and deltas by counts of one snapshot. What is committed later has its own deltas. The transaction must be
-- REPEATABLE READ. Before the snapshot, the session must take the folding lock, and the transaction must lock the jobs against TRUNCATE.
-- Reports its progress as notices.
create or replace function gjobs.recount_jobs()
    returns void language plpgsql volatile security invoker
    set search_path = '' set row_security = off set plan_cache_mode = force_custom_plan as $$
declare
    jobs_a_part constant integer := 1000000;
    parts  integer;
    bounds uuid[];
begin
    if current_setting('transaction_isolation') <> 'repeatable read' or not pg_try_advisory_xact_lock(1735353442, 2) then
        raise object_not_in_prerequisite_state using message = 'the jobs are counted in a REPEATABLE READ transaction that folds alone';
    end if;
    parts := (select greatest(reltuples, 0) / jobs_a_part from pg_class where oid = 'public.generation_jobs'::regclass) + 1;
    bounds := array(
        select (array_agg(p.id order by p.id))[1]
          from (select id, ntile(parts) over (order by id) as part from public.projects) p group by part order by part offset 1
    );
    update gjobs.job_folding set folded_at = clock_timestamp() where true;
    delete from gjobs.job_deltas where true;
    delete from gjobs.job_totals where true;
    delete from gjobs.job_days where true;
    for part in 0 .. cardinality(bounds) loop
        with counted as materialized (
            select user_id, project_id, status, mode, (created_at at time zone 'UTC')::date as day,
                   count(*) as job_count, coalesce(sum(cost_cents), 0) as cost_cents
              from public.generation_jobs
             where (bounds[part] is null or project_id >= bounds[part])
               and (bounds[part + 1] is null or project_id < bounds[part + 1])
                or (project_id is null and part = 0)
             group by user_id, project_id, status, mode, day
        ), days as (
            insert into gjobs.job_days
            -- Ordered by day, so that the newest days, which the charts show, lie together.
            select user_id, project_id, day, sum(job_count), sum(cost_cents)
              from counted group by user_id, project_id, day order by day
        )
        insert into gjobs.job_totals
        select user_id, project_id, status, mode, sum(job_count), sum(cost_cents)
          from counted group by user_id, project_id, status, mode;
        if part < cardinality(bounds) then
            raise notice 'Counting the jobs: % %%.', 100 * (part + 1) / (cardinality(bounds) + 1);
        end if;
    end loop;
end $$;

revoke all on function gjobs.recount_jobs() from public;
