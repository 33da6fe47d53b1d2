-- Who works on the jobs, and which job is whose.

-- A worker's process. It keeps its row for some days after it has gone.
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

-- A running job is its owner's until the lease expires, and then whoever's takes it. Without an owner it waits until then for its next
-- attempt. No foreign key: of a table that one refers to the app could not truncate the rows. The free room keeps a row's new version
-- on its page.
create table gjobs.job_leases (
    job_id      uuid        primary key,
    owner       uuid,
    attempt     integer     not null,
    acquired_at timestamptz not null,
    expires_at  timestamptz not null,
    note        text
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_threshold = 2000);
create index job_leases_expires_at on gjobs.job_leases (expires_at);

-- Which job repeats which. It outlives both, for deleting can be undone.
create table gjobs.job_links (
    job_id  uuid primary key,
    repeats uuid not null
);
create index job_links_repeats on gjobs.job_links (repeats);

alter table gjobs.workers enable row level security;
alter table gjobs.job_leases enable row level security;
alter table gjobs.job_links enable row level security;
