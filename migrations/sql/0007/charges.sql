-- The charges of single jobs. The script may run again.

-- A row of budget_charges is the last charge of a job, and the period that it belongs to. It outlives the job, so a deleted job that is
-- inserted again is not charged twice.
-- A job_cost_change says how a statement changed the cost of a job. The old values are null if the statement inserted the job, the new ones
-- if it deleted it. day: the day that the charge belongs to; a queued job is charged to the present day instead. queues: the job enters the
-- queue. finishes: it ends, which no limit refuses. refunds: the change may lower what is charged.
do $$ begin
    if to_regclass('gjobs.budget_charges') is null then
        create table gjobs.budget_charges (
            budget_id    uuid   not null references gjobs.budgets (id) on delete cascade,
            job_id       uuid   not null,
            period_start date   not null,
            cents        bigint not null,
            primary key (budget_id, job_id)
        );
        alter table gjobs.budget_charges enable row level security;
        create type gjobs.job_cost_change as (
            job_id uuid, old_user_id uuid, old_project_id uuid, old_day date, old_cents bigint,
            user_id uuid, project_id uuid, day date, cents bigint, queues boolean, finishes boolean, refunds boolean
        );
    end if;
end $$;
