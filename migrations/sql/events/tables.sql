-- What an upgrade added to the app's schema, and how to undo it. Only the migrations' owner reads or writes this: `gjobs migrate remove`
-- executes it.
create table gjobs.replaced (
    id      bigint generated always as identity primary key,
    object  text not null unique,
    restore text not null
);
alter table gjobs.replaced enable row level security;
revoke all on gjobs.replaced from public;

-- Job events, written by triggers and never changed.

-- Users as the events know them. When a user's row in auth.users is deleted, so is the row here. Then all events lose the user's id at
-- once, even events of transactions under way. No key is unique, so two transactions that add a user at the same time do not wait for each
-- other.
create table gjobs.known_users (
    number bigint generated always as identity primary key,
    id     uuid   not null
);
create index known_users_id on gjobs.known_users (id);

-- One row for each job that a statement created, changed or deleted. Nothing refers to the job, because events outlive it. A job's events
-- have the order of its updates, because each update waits for the one before. Readers page by the whole key, because a row may become
-- visible after one with a greater id. Columns that an app may leave null in its jobs
-- may be null here.
create table gjobs.job_event_log (
    id             bigint      not null generated always as identity,
    transaction_id xid8        not null default pg_current_xact_id(),
    job_id         uuid        not null,
    project_id     uuid,
    user_number    bigint,
    mode           text,
    kind           text        not null,
    from_status    text,
    to_status      text,
    error          text,
    cost_cents     integer,
    cents_change   bigint      not null default 0,
    retry_count    integer,
    actor_number   bigint,
    actor_role     text        not null,
    application    text        not null,
    lease_owner    text,
    note           text,
    at             timestamptz not null default clock_timestamp(),
    primary key (transaction_id, id)
);
create index job_event_log_job_id on gjobs.job_event_log (job_id, id);

-- When a job first ran. The row stays when the job is deleted, because a deletion can be undone.
create table gjobs.job_starts (
    job_id     uuid        primary key,
    started_at timestamptz not null
);

alter table gjobs.known_users enable row level security;
alter table gjobs.job_event_log enable row level security;
alter table gjobs.job_starts enable row level security;
