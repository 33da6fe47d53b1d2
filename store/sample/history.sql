-- Inserting the sample wrote events. This script replaces them with plausible ones: the owner created each job on the web, and a worker
-- started and ended it.
with filled_in as (
    delete from gjobs.job_event_log where transaction_id = pg_catalog.pg_current_xact_id() returning job_id
), begun as (
    select j.*, case j.status when 'running' then j.updated_at else s.started_at end as started_at
      from public.generation_jobs j
      left join unnest(%s::uuid[], %s::timestamptz[]) as s (job_id, started_at) on s.job_id = j.id
     where j.id in (select job_id from filled_in)
), recorded as (
    update gjobs.fold_state set recorded_since = least(recorded_since, (select min(created_at) from begun)) where true
)
insert into gjobs.job_event_log
       (transaction_id, job_id, project_id, user_id, mode, day, kind, from_status, to_status, error, cost_cents, cents_change, retry_count,
        actor_user_id, actor_role, application, at)
select pg_catalog.pg_current_xact_id(), b.id, b.project_id, b.user_id, b.mode, (b.created_at at time zone 'UTC')::date, e.kind,
       e.from_status, e.to_status, e.error, b.cost_cents, e.cents_change, b.retry_count, e.actor, e.actor_role, e.application, e.at
  from begun b
 cross join lateral (values
           ('created', null, 'queued', null, b.cost_cents, b.user_id, 'authenticated', 'web', b.created_at),
           ('status', 'queued', 'running', null, 0, null, 'service_role', 'worker', b.started_at),
           ('status', 'running', b.status, b.error, 0, null, 'service_role', 'worker',
            case when b.status in ('succeeded', 'failed') then b.updated_at end)
       ) as e (kind, from_status, to_status, error, cents_change, actor, actor_role, application, at)
 where e.at is not null
 order by e.at, b.id
