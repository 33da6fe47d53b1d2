-- Rows of gjobs.waste_keys that differ from the rollups that they add up, with the columns of rollups.sql. The status is failed or retry, or
-- null for the costs of all jobs.
with sums as (
    select dimension, key, failed_count, failed_cents, retry_count, retry_cents, all_cents, 1 as counted, 0 as kept
      from gjobs.sum_waste_keys()
    union all
    select dimension, key, failed_count, failed_cents, retry_count, retry_cents, all_cents, 0, 1 from gjobs.waste_keys
)
select 'waste keys' as kind, case when dimension = 'user' then key::uuid end as user_id,
       case when dimension = 'project' then key::uuid end as project_id, p.status,
       case when dimension = 'mode' then key end as mode, case when dimension = 'day' then key end as day,
       case when dimension = 'group' then key end as error_group,
       sum(counted * p.jobs)::bigint, sum(kept * p.jobs)::bigint, sum(counted * p.cents)::bigint, sum(kept * p.cents)::bigint,
       count(*) over ()
  from sums
 cross join lateral (values ('failed', failed_count, failed_cents), ('retry', retry_count, retry_cents), (null, 0, all_cents))
       p (status, jobs, cents)
 group by dimension, key, p.status
having (sum(counted * p.jobs), sum(counted * p.cents)) <> (sum(kept * p.jobs), sum(kept * p.cents))
 order by dimension, key, p.status
 limit %(most)s
