-- In which sums the kept ones are not what counting gives, of the projects from one id to before another; null is no bound.
-- The first of them, and how many there are. As text, for a day may be one that Python does not have.
with bounds as (
    select %(low)s::uuid as low, %(high)s::uuid as high
), counted as materialized (
    select j.user_id, j.project_id, j.status, j.mode, (j.created_at at time zone 'UTC')::date as day,
           count(*)::numeric as jobs, sum(j.cost_cents)::numeric as cents
      from public.generation_jobs j cross join bounds b
     where (b.low is null or j.project_id >= b.low) and (b.high is null or j.project_id < b.high)
     group by j.user_id, j.project_id, j.status, j.mode, day
), totals as (
    select k.user_id, k.project_id, k.status, k.mode, sum(k.job_count) as jobs, sum(k.cost_cents) as cents
      from (
          select user_id, project_id, status, mode, job_count, cost_cents from gjobs.job_totals
          union all
          select user_id, project_id, status, mode, job_count, cost_cents from gjobs.job_deltas
      ) k cross join bounds b
     where (b.low is null or k.project_id >= b.low) and (b.high is null or k.project_id < b.high)
     group by k.user_id, k.project_id, k.status, k.mode
), days as (
    select k.user_id, k.project_id, k.day, sum(k.job_count) as jobs, sum(k.cost_cents) as cents
      from (
          select user_id, project_id, day, job_count, cost_cents from gjobs.job_days
          union all
          select user_id, project_id, day, job_count, cost_cents from gjobs.job_deltas
      ) k cross join bounds b
     where (b.low is null or k.project_id >= b.low) and (b.high is null or k.project_id < b.high)
     group by k.user_id, k.project_id, k.day
), compared as (
    select 'totals' as kind, user_id, project_id, status, mode, null::date as day,
           coalesce(c.jobs, 0) as counted_jobs, coalesce(k.jobs, 0) as kept_jobs,
           coalesce(c.cents, 0) as counted_cents, coalesce(k.cents, 0) as kept_cents
      from (select user_id, project_id, status, mode, sum(jobs) as jobs, sum(cents) as cents
              from counted group by user_id, project_id, status, mode) c
      full join totals k using (user_id, project_id, status, mode)
    union all
    select 'days', user_id, project_id, null, null, day,
           coalesce(c.jobs, 0), coalesce(k.jobs, 0), coalesce(c.cents, 0), coalesce(k.cents, 0)
      from (select user_id, project_id, day, sum(jobs) as jobs, sum(cents) as cents
              from counted group by user_id, project_id, day) c
      full join days k using (user_id, project_id, day)
)
select kind, user_id, project_id, status, mode, day::text,
       counted_jobs::bigint, kept_jobs::bigint, counted_cents::bigint, kept_cents::bigint, count(*) over ()
  from compared
 where (counted_jobs, counted_cents) <> (kept_jobs, kept_cents)
 order by kind desc, project_id, user_id, status, mode, compared.day
 limit %(most)s
