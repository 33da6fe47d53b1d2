-- Copies what an earlier build left in the schema gjobs_0013. The events keep their ids and the ids of their transactions, which may be of
-- another server; the next count covers them. Deleted users are null.
set local timezone = 'UTC';
set local datestyle = 'ISO, YMD';
alter table gjobs.budgets disable trigger gjobs_begin_budgets, disable trigger gjobs_begin_budget;
insert into gjobs.budgets (id, user_id, project_id, period, limit_cents, warn_share, created_at)
select id, user_id, project_id, period, limit_cents, warn_share, created_at from gjobs_0013.budgets;
alter table gjobs.budgets enable trigger gjobs_begin_budgets, enable trigger gjobs_begin_budget;
insert into gjobs.budget_spending (budget_id, period_start, spent_cents, is_counted)
select budget_id, period_start, spent_cents, is_counted from gjobs_0013.budget_spending;
insert into gjobs.budget_charges (budget_id, job_id, period_start, cents)
select budget_id, job_id, period_start, cents from gjobs_0013.budget_charges;

insert into gjobs.workers (id, name, host, process, modes, concurrency, started_at, seen_at, stopped_at)
select id, name, host, process, modes, concurrency, started_at, seen_at, stopped_at from gjobs_0013.workers;
insert into gjobs.job_leases (job_id, owner, attempt, acquired_at, expires_at, note)
select job_id, owner, attempt, acquired_at, expires_at, note from gjobs_0013.job_leases;
insert into gjobs.job_links (job_id, repeats) select job_id, repeats from gjobs_0013.job_links;

insert into gjobs.archived_jobs
       (id, user_id, project_id, status, mode, input_asset_id, error, cost_cents, created_at, updated_at, archived_at, further)
select id, user_id, project_id, status, mode, input_asset_id, error, cost_cents, created_at, updated_at, archived_at,
       further || jsonb_object('{retry_count, completed_at}', array[retry_count::text, completed_at::text])
  from gjobs_0013.archived_jobs;
insert into gjobs.retention_policies (id, project_id, statuses, older_than, action, created_at, applied_at)
select id, project_id, statuses, older_than, action, created_at, applied_at from gjobs_0013.retention_policies;

insert into gjobs.job_event_log
       (transaction_id, id, at, job_id, user_id, project_id, actor_user_id, cents_change, cost_cents, retry_count, kind, mode, from_status,
        to_status, error, actor_role, application, lease_owner, note)
       overriding system value
select case when e.transaction_id < pg_snapshot_xmax(pg_current_snapshot()) then e.transaction_id else '0' end, e.id, e.at,
       e.job_id, owner.id, e.project_id, actor.id,
       case when e.kind not in ('owner', 'progress') and (e.kind <> 'retry' or e.to_status is not null) then e.cents_change end,
       e.cost_cents, e.retry_count, e.kind, e.mode, e.from_status, e.to_status, e.error, e.actor_role, e.application, e.lease_owner, e.note
  from gjobs_0013.job_event_log e
  left join gjobs_0013.known_users owner on owner.number = e.user_number
  left join gjobs_0013.known_users actor on actor.number = e.actor_number;
select setval('gjobs.job_event_log_id_seq', greatest((select last_value from gjobs.job_event_log_id_seq), max(id)))
  from gjobs.job_event_log having count(*) > 0;
