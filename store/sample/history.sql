-- Inserting the sample wrote events. This script replaces them with plausible ones: the owner created each job on the web, and a worker
-- started and ended it.
with filled_in as (
    delete from gjobs.job_event_log where transaction_id = pg_catalog.pg_current_xact_id() returning job_id
), begun as (
    select j.*, (select k.number from gjobs.known_users k where k.id = j.user_id limit 1) as user_number,
           case j.status when 'running' then j.updated_at
                         else (select s.started_at from gjobs.job_starts s where s.job_id = j.id) end as started_at
      from public.generation_jobs j where j.id in (select job_id from filled_in)
), started as (
    insert into gjobs.job_starts
    select b.id, b.started_at from begun b where b.started_at is not null
        on conflict (job_id) do update set started_at = excluded.started_at
)
insert into gjobs.job_event_log
       (job_id, project_id, user_number, mode, kind, from_status, to_status, error, cost_cents, cents_change, retry_count,
        actor_number, actor_role, application, at)
select b.id, b.project_id, b.user_number, b.mode, e.kind, e.from_status, e.to_status, e.error, b.cost_cents, e.cents_change,
       b.retry_count, e.actor_number, e.actor_role, e.application, e.at
  from begun b
 cross join lateral (values
           ('created', null, 'queued', null, b.cost_cents, b.user_number, 'authenticated', 'web', b.created_at),
           ('status', 'queued', 'running', null, 0, null, 'service_role', 'worker', b.started_at),
           ('status', 'running', b.status, b.error, 0, null, 'service_role', 'worker',
            case when b.status in ('succeeded', 'failed') then b.updated_at end)
       ) as e (kind, from_status, to_status, error, cents_change, actor_number, actor_role, application, at)
 where e.at is not null
 order by e.at, b.id
