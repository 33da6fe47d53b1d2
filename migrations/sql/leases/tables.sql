-- The workers, and which job each of them holds.

-- A worker's process. Its row stays for some days after the process has ended.
create table gjobs.workers (
    id          uuid        primary key,
    user_id     uuid,
    name        text        not null,
    host        text        not null,
    process     integer     not null,
    modes       text[],
    concurrency integer     not null,
    started_at  timestamptz not null default now(),
    seen_at     timestamptz not null default now(),
    stopped_at  timestamptz
);

-- A running job belongs to its owner until the lease expires; then any worker may take it over. A running job without an owner waits for
-- its next attempt until the lease expires. There is no foreign key, because the app could then not truncate its table. The fill factor
-- leaves space for a row's new version on its page.
create table gjobs.job_leases (
    job_id      uuid        primary key,
    owner       uuid,
    attempt     integer     not null,
    acquired_at timestamptz not null,
    expires_at  timestamptz not null,
    note        text
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_threshold = 2000);
create index job_leases_expires_at on gjobs.job_leases (expires_at);

-- Which job repeats which. A link outlives both jobs, because a deletion can be undone.
create table gjobs.job_links (
    job_id  uuid primary key,
    repeats uuid not null
);
create index job_links_repeats on gjobs.job_links (repeats);

alter table gjobs.workers enable row level security;
alter table gjobs.job_leases enable row level security;
alter table gjobs.job_links enable row level security;

comment on column gjobs.workers.user_id is 'the user that the worker acts as; null: the operator';
comment on column gjobs.workers.modes is 'the modes that it runs; null: all';
