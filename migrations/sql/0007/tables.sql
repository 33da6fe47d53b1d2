-- Limits in cents, of a user or of a project, and what is spent of them.

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

-- Days and months are UTC's, and a job counts to those in which it was created. What has run is spent even when its job is deleted,
-- so these are no sums of the jobs that are there. The free room keeps a row's new version on its page.
create table gjobs.budget_spending (
    budget_id    uuid   not null references gjobs.budgets (id) on delete cascade,
    -- The period's first day; -infinity where it is all.
    period_start date   not null,
    spent_cents  bigint not null,
    primary key (budget_id, period_start)
) with (fillfactor = 50);

-- Jobs that ran, were deleted and stay charged: one that is made again is not charged twice.
create table gjobs.budget_deleted_jobs (
    budget_id  uuid   not null references gjobs.budgets (id) on delete cascade,
    job_id     uuid   not null,
    cost_cents bigint not null,
    primary key (budget_id, job_id)
);

alter table gjobs.budgets enable row level security;
alter table gjobs.budget_spending enable row level security;
alter table gjobs.budget_deleted_jobs enable row level security;

-- What a statement changed in the costs of one user's and one project's jobs of one day, or in the costs of one budget. Jobs that it
-- queues, and jobs that it finishes, are separate changes. Those who share a budget wait for each other: it is one row, which each
-- writer updates.
create type gjobs.cost_change as (
    budget_id uuid, user_id uuid, project_id uuid, day date, queued boolean, finished boolean, cents bigint
);
