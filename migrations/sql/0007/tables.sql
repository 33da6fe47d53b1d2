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

create function gjobs.budget_period_start(p_period text, p_day date)
    returns date language sql immutable parallel safe security invoker set search_path = '' as $$
    select case p_period
               when 'day' then p_day
               when 'month' then date_trunc('month', p_day::timestamp)::date
               else '-infinity'
           end
$$;
