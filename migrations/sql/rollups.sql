-- In which sums the kept ones are not what counting gives, of the projects from one id to before another; null is no bound, and the
-- first part has what belongs to no project, too. The first of them, and how many there are. As text, for a day may be one that
-- Python does not have. The bounds stand in each condition, so that those that are null fall away before it is planned.
with counted as materialized (
    select user_id, project_id, status, mode, (created_at at time zone 'UTC')::date as day,
           count(*) as jobs, coalesce(sum(cost_cents), 0) as cents
      from public.generation_jobs
     where (%(low)s::uuid is null or project_id >= %(low)s) and (%(high)s::uuid is null or project_id < %(high)s)
        or (project_id is null and %(low)s::uuid is null)
     group by user_id, project_id, status, mode, day
), deltas as materialized (
    select * from gjobs.job_deltas
     where (%(low)s::uuid is null or project_id >= %(low)s) and (%(high)s::uuid is null or project_id < %(high)s)
        or (project_id is null and %(low)s::uuid is null)
), sums as (
    select 'totals' as kind, user_id, project_id, status, mode, null::date as day,
           jobs as counted_jobs, 0 as kept_jobs, cents as counted_cents, 0 as kept_cents from counted
    union all
    select 'days', user_id, project_id, null, null, day, jobs, 0, cents, 0 from counted
    union all
    select 'totals', user_id, project_id, status, mode, null, 0, job_count, 0, cost_cents from deltas
    union all
    select 'days', user_id, project_id, null, null, day, 0, job_count, 0, cost_cents from deltas
    union all
    select 'totals', user_id, project_id, status, mode, null, 0, job_count, 0, cost_cents
      from gjobs.job_totals
     where (%(low)s::uuid is null or project_id >= %(low)s) and (%(high)s::uuid is null or project_id < %(high)s)
        or (project_id is null and %(low)s::uuid is null)
    union all
    select 'days', user_id, project_id, null, null, day, 0, job_count, 0, cost_cents
      from gjobs.job_days
     where (%(low)s::uuid is null or project_id >= %(low)s) and (%(high)s::uuid is null or project_id < %(high)s)
        or (project_id is null and %(low)s::uuid is null)
)
select kind, user_id, project_id, status, mode, day::text,
       sum(counted_jobs)::bigint, sum(kept_jobs)::bigint, sum(counted_cents)::bigint, sum(kept_cents)::bigint, count(*) over ()
  from sums
 group by kind, user_id, project_id, status, mode, sums.day
having (sum(counted_jobs), sum(counted_cents)) <> (sum(kept_jobs), sum(kept_cents))
 order by kind desc, project_id, user_id, status, mode, sums.day
 limit %(most)s
