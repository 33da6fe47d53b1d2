-- Rollups that differ from a count of the jobs in the same snapshot. Returns the first differences and their number. Days are text, because
-- a day may be outside Python's range.
with errors as materialized (
    select e.error, gjobs.error_group(e.error) as error_group
      from (select coalesce(error::text, '') as error from public.generation_jobs where status::text = 'failed'
            union select error from gjobs.job_changes where status = 'failed') e
), counted as materialized (
    select j.user_id, j.project_id, j.status::text as status, j.mode::text as mode, e.error_group, coalesce(j.retry_count, 0) > 0 as is_retry,
           (j.created_at at time zone 'UTC')::date as day, count(*) as jobs, coalesce(sum(j.cost_cents), 0) as cents
      from (select null::integer as retry_count) absent
     cross join lateral (
           select user_id, project_id, status, mode, error, cost_cents, created_at, retry_count from public.generation_jobs
           ) j
      left join errors e on j.status::text = 'failed' and e.error = coalesce(j.error::text, '')
     group by 1, 2, 3, 4, 5, 6, 7
), unfolded as materialized (
    select c.user_id, c.project_id, c.status, c.mode, e.error_group, c.is_retry, c.day, sum(c.job_count) as jobs, sum(c.cost_cents) as cents
      from gjobs.fold_state f
      join gjobs.job_changes c on c.transaction_id >= f.next or c.transaction_id = any (f.open)
      left join errors e on c.status = 'failed' and e.error = c.error
     group by 1, 2, 3, 4, 5, 6, 7
), sums as (
    select 'totals' as kind, user_id, project_id, status, mode, null::date as day, error_group, is_retry,
           jobs as counted_jobs, 0 as kept_jobs, cents as counted_cents, 0 as kept_cents from counted
    union all
    select 'totals', user_id, project_id, status, mode, null, error_group, is_retry, 0, jobs, 0, cents from unfolded
    union all
    select 'totals', user_id, project_id, status, mode, null, error_group, is_retry, 0, job_count, 0, cost_cents from gjobs.job_totals
    union all
    select 'days', user_id, project_id, case when status = 'failed' then status end, null, day, null, is_retry,
           jobs, 0, cents, 0 from counted
    union all
    select 'days', user_id, project_id, case when status = 'failed' then status end, null, day, null, is_retry,
           0, jobs, 0, cents from unfolded
    union all
    select 'days', user_id, project_id, case when has_failed then 'failed' end, null, day, null, is_retry, 0, job_count, 0, cost_cents
      from gjobs.job_days
)
select kind, user_id, project_id, status, mode, day::text, error_group, is_retry,
       sum(counted_jobs)::bigint, sum(kept_jobs)::bigint, sum(counted_cents)::bigint, sum(kept_cents)::bigint, count(*) over ()
  from sums
 group by kind, user_id, project_id, status, mode, sums.day, error_group, is_retry
having (sum(counted_jobs), sum(counted_cents)) <> (sum(kept_jobs), sum(kept_cents))
 order by kind desc, project_id, user_id, status, mode, sums.day, error_group, is_retry
 limit %(most)s
