-- What the app's view generation_job_summary shows, from the rollups. first_job_at and last_job_at are read from the jobs of the project
-- and status. If the app has an index on project_id, status and created_at, they are at its ends: usually the first row found already
-- belongs to the wanted user. The planner does not know that; `offset 0` makes it read in index order and compare the owner afterwards.
create view gjobs.job_summary with (security_invoker = on) as
    select c.user_id, c.project_id, c.status, sum(c.job_count)::bigint as job_count,
           sum(c.cost_cents)::bigint as total_cost_cents, sum(c.cost_cents) / sum(c.job_count) as avg_cost_cents,
           (select j.created_at
              from (select user_id, created_at from public.generation_jobs
                     where project_id = c.project_id and status = c.status order by created_at offset 0) j
             where j.user_id = c.user_id limit 1) as first_job_at,
           (select j.created_at
              from (select user_id, created_at from public.generation_jobs
                     where project_id = c.project_id and status = c.status and created_at is not null
                     order by created_at desc offset 0) j
             where j.user_id = c.user_id limit 1) as last_job_at
      from gjobs.job_counts c
     group by c.user_id, c.project_id, c.status having sum(c.job_count) <> 0;

-- Default privileges may have granted more.
revoke all on gjobs.job_summary from public;
grant select on gjobs.job_summary to public;
