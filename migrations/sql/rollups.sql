-- Rollups that differ from the counts, for the projects with low <= id < high. A null bound is open; the first part includes jobs without a
-- project. Returns the first differences and their number. Days are text, because a day may be outside Python's range. The bounds are in
-- each condition, so that null bounds are removed before planning.
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
select kind, user_id, project_id, status, mode, day::text, null,
       sum(counted_jobs)::bigint, sum(kept_jobs)::bigint, sum(counted_cents)::bigint, sum(kept_cents)::bigint, count(*) over ()
  from sums
 group by kind, user_id, project_id, status, mode, sums.day
having (sum(counted_jobs), sum(counted_cents)) <> (sum(kept_jobs), sum(kept_cents))
 order by kind desc, project_id, user_id, status, mode, sums.day
 limit %(most)s
