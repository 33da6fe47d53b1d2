-- Rollups of failed jobs and retries that differ from the counts, with the columns of rollups.sql. The status is failed or retry.
with failed as materialized (
    select distinct coalesce(error::text, '') as error from public.generation_jobs
     where status = 'failed'
       and ((%(low)s::uuid is null or project_id >= %(low)s) and (%(high)s::uuid is null or project_id < %(high)s)
            or (project_id is null and %(low)s::uuid is null))
), errors as materialized (
    select error, gjobs.error_group(error) as error_group from failed
), counted as materialized (
    select j.user_id, j.project_id, j.mode, (j.created_at at time zone 'UTC')::date as day,
           coalesce(e.error_group, '') as its_group, count(*) as jobs, coalesce(sum(j.cost_cents), 0) as cents
      from public.generation_jobs j
      left join errors e on j.status = 'failed' and e.error = coalesce(j.error::text, '')
     where (j.status = 'failed' or j.retry_count > 0)
       and ((%(low)s::uuid is null or j.project_id >= %(low)s) and (%(high)s::uuid is null or j.project_id < %(high)s)
            or (j.project_id is null and %(low)s::uuid is null))
     group by j.user_id, j.project_id, j.mode, day, its_group
), deltas as materialized (
    select user_id, project_id, mode, day, case when error is null then error_group else gjobs.error_group(error) end as error_group,
           job_count, cost_cents
      from gjobs.waste_deltas
     where (%(low)s::uuid is null or project_id >= %(low)s) and (%(high)s::uuid is null or project_id < %(high)s)
        or (project_id is null and %(low)s::uuid is null)
), sums as (
    select 'waste' as kind, user_id, project_id, mode, null::date as day, its_group as error_group, its_group <> '' as has_failed,
           jobs as counted_jobs, 0 as kept_jobs, cents as counted_cents, 0 as kept_cents from counted
    union all
    select 'waste days', user_id, project_id, null, day, null, its_group <> '', jobs, 0, cents, 0 from counted
    union all
    select 'waste', user_id, project_id, mode, null, error_group, error_group <> '', 0, job_count, 0, cost_cents from deltas
    union all
    select 'waste days', user_id, project_id, null, day, null, error_group <> '', 0, job_count, 0, cost_cents from deltas
    union all
    select 'waste', user_id, project_id, mode, null, error_group, error_group <> '', 0, job_count, 0, cost_cents
      from gjobs.waste_totals
     where (%(low)s::uuid is null or project_id >= %(low)s) and (%(high)s::uuid is null or project_id < %(high)s)
        or (project_id is null and %(low)s::uuid is null)
    union all
    select 'waste days', user_id, project_id, null, day, null, has_failed, 0, job_count, 0, cost_cents
      from gjobs.waste_days
     where (%(low)s::uuid is null or project_id >= %(low)s) and (%(high)s::uuid is null or project_id < %(high)s)
        or (project_id is null and %(low)s::uuid is null)
)
select kind, user_id, project_id, case when has_failed then 'failed' else 'retry' end as status, mode, day::text,
       nullif(error_group, '') as error_group,
       sum(counted_jobs)::bigint, sum(kept_jobs)::bigint, sum(counted_cents)::bigint, sum(kept_cents)::bigint, count(*) over ()
  from sums
 group by kind, user_id, project_id, status, mode, sums.day, sums.error_group, has_failed
having (sum(counted_jobs), sum(counted_cents)) <> (sum(kept_jobs), sum(kept_cents))
 order by kind, project_id, user_id, status, mode, sums.day, error_group
 limit %(most)s
