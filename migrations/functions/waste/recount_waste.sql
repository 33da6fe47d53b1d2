-- Replaces the rollups of failed jobs and retries by counts of one snapshot, under the conditions of gjobs.recount_jobs. The group of each
-- distinct error is computed once. A null and an empty error have the same group.
create or replace function gjobs.recount_waste()
    returns void language plpgsql volatile security invoker
    set search_path = '' set row_security = off set plan_cache_mode = force_custom_plan set enable_nestloop = off as $$
begin
    if current_setting('transaction_isolation') <> 'repeatable read' or not pg_try_advisory_xact_lock(1735353442, 2) then
        raise object_not_in_prerequisite_state using message = 'the jobs are counted in a REPEATABLE READ transaction that folds alone';
    end if;
    update gjobs.job_folding set folded_at = clock_timestamp() where true;
    delete from gjobs.waste_deltas where true;
    delete from gjobs.waste_totals where true;
    delete from gjobs.waste_days where true;
    with errors as materialized (
        select e.error, gjobs.error_group(e.error) as error_group
          from (select distinct coalesce(error::text, '') as error from public.generation_jobs where status = 'failed') e
    ), counted as materialized (
        select j.user_id, j.project_id, j.mode, (j.created_at at time zone 'UTC')::date as day,
               coalesce(e.error_group, '') as its_group, count(*) as job_count, coalesce(sum(j.cost_cents), 0) as cost_cents
          from public.generation_jobs j
          left join errors e on j.status = 'failed' and e.error = coalesce(j.error::text, '')
         where j.status = 'failed' or j.retry_count > 0
         group by j.user_id, j.project_id, j.mode, day, its_group
    ), days as (
        insert into gjobs.waste_days
        select user_id, project_id, day, its_group <> '' as has_failed, sum(job_count), sum(cost_cents)
          from counted group by user_id, project_id, day, has_failed order by day
    )
    insert into gjobs.waste_totals
    select user_id, project_id, mode, its_group, sum(job_count), sum(cost_cents)
      from counted group by user_id, project_id, mode, its_group;
end $$;

revoke all on function gjobs.recount_waste() from public;
