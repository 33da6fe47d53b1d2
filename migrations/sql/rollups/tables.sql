-- Rollups: numbers of jobs and their total costs. In any snapshot, the folded rows plus the deltas equal a count of the jobs.

-- No column is required: anything that an app stores in its jobs is counted, and never makes its write fail.

-- The changes that each statement made to the jobs. Rows are only appended, so no writer waits for another one. From time to time they are
-- folded into the other two tables. Every query reads all deltas, so deleted deltas must be vacuumed soon. The vacuum does not return pages
-- to the disk, because that would block writers.
create table gjobs.job_deltas (
    user_id    uuid,
    project_id uuid,
    status     text,
    mode       text,
    day        date,
    job_count  bigint,
    cost_cents bigint
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, vacuum_truncate = off);

-- Each combination of user, project, status and mode has one row. A key with a null may have several rows, which are added up. No index
-- enforces this, because a mode may be longer than an index entry. The fill factor leaves space for a row's new version on its page.
create table gjobs.job_totals (
    user_id    uuid,
    project_id uuid,
    status     text,
    mode       text,
    job_count  bigint,
    cost_cents bigint
) with (fillfactor = 70);
create index job_totals_user_id on gjobs.job_totals (user_id);
create index job_totals_project_id on gjobs.job_totals (project_id, status);

-- By the UTC day of created_at, without the status: a job that only changes its status changes nothing here. With status and mode, there
-- would be nearly as many rows as jobs.
create table gjobs.job_days (
    user_id    uuid,
    project_id uuid,
    day        date,
    job_count  bigint,
    cost_cents bigint
) with (fillfactor = 70);
create index job_days_day on gjobs.job_days (day);
create index job_days_user_id on gjobs.job_days (user_id, day);
create index job_days_project_id on gjobs.job_days (project_id, day);

-- One row, changed by everyone who changes folded rows. A session whose snapshot is older than the last fold notices it here.
create table gjobs.job_folding (
    folded_at timestamptz
);
insert into gjobs.job_folding values (null);

-- The millisecond of the last notification. A sequence, because its value is visible before the transaction ends, and it blocks nobody.
create sequence gjobs.told_at;

-- Only the triggers and the views read and write them.
alter table gjobs.job_deltas enable row level security;
alter table gjobs.job_totals enable row level security;
alter table gjobs.job_days enable row level security;
alter table gjobs.job_folding enable row level security;
