-- Limits in cents, of a user or of a project, and the amounts spent.

create table gjobs.budgets (
    id          uuid primary key default gen_random_uuid(),
    user_id     uuid,
    project_id  uuid,
    period      text not null check (period in ('day', 'month', 'all')),
    limit_cents bigint not null check (limit_cents >= 0),
    -- At which share of the limit a person wants to be warned.
    warn_share  numeric not null default 0.8 check (warn_share > 0 and warn_share <= 1),
    created_at  timestamptz not null default now(),
    check (num_nonnulls(user_id, project_id) = 1)
);
create unique index budgets_user_id on gjobs.budgets (user_id, period) where user_id is not null;
create unique index budgets_project_id on gjobs.budgets (project_id, period) where project_id is not null;

-- The amount charged to a budget in one period. Days and months are in UTC. Jobs that ran stay charged when they are deleted, so this is
-- not the sum of the present jobs. The fill factor leaves space for a row's new version on its page.
create table gjobs.budget_spending (
    budget_id    uuid    not null references gjobs.budgets (id) on delete cascade,
    -- The period's first day; -infinity for the total.
    period_start date    not null,
    spent_cents  bigint  not null,
    -- Whether jobs were counted when the budget began. Those have no row in budget_charges until they are charged again.
    is_counted   boolean not null default false,
    primary key (budget_id, period_start)
) with (fillfactor = 50);

alter table gjobs.budgets enable row level security;
alter table gjobs.budget_spending enable row level security;

-- A row of budget_charges is the last charge of a job, and the period that it belongs to. It outlives the job, so a deleted job that is
-- inserted again is not charged twice.
create table gjobs.budget_charges (
    budget_id    uuid   not null references gjobs.budgets (id) on delete cascade,
    job_id       uuid   not null,
    period_start date   not null,
    cents        bigint not null,
    primary key (budget_id, job_id)
);
alter table gjobs.budget_charges enable row level security;

-- How a statement changed the cost of a job. The old values are null if the statement inserted the job, the new ones
-- if it deleted it. day: the day that the charge belongs to; a queued job is charged to the present day instead. queues: the job enters the
-- queue. finishes: it ends, which no limit refuses. refunds: the change may lower what is charged.
create type gjobs.job_cost_change as (
    job_id uuid, old_user_id uuid, old_project_id uuid, old_day date, old_cents bigint,
    user_id uuid, project_id uuid, day date, cents bigint, queues boolean, finishes boolean, refunds boolean
);
