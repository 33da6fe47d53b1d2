-- Numbers of jobs and sums of cost, kept beside the jobs. A sum over the folded rows and the deltas of one snapshot is what counting
-- the jobs of that snapshot gives. Each script up to the counting may run again: a run that was interrupted there is gone on with.

-- No column is required: what an app lets into its jobs is counted, and never makes its write fail.

-- What each statement on the jobs changed. Only ever appended to, so no writer waits for another; folded into the other two now
-- and then. All of it is read by every sum, so what is folded has to be cleared away soon; without giving pages back to the disk,
-- for which writers would have to be kept away.
create table if not exists gjobs.job_deltas (
    user_id    uuid,
    project_id uuid,
    status     text,
    mode       text,
    day        date,
    job_count  bigint,
    cost_cents bigint
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, vacuum_truncate = off);

-- A key has one row; one with a null in it may have several, which add up as well. No index says so, for a mode may be longer than an
-- index holds. The free room keeps a row's new version on its page.
create table if not exists gjobs.job_totals (
    user_id    uuid,
    project_id uuid,
    status     text,
    mode       text,
    job_count  bigint,
    cost_cents bigint
) with (fillfactor = 70);
create index if not exists job_totals_user_id on gjobs.job_totals (user_id);
create index if not exists job_totals_project_id on gjobs.job_totals (project_id, status);

-- By created_at's UTC day, whatever the status: a job that only moves on changes nothing here. With status and mode there would be
-- nearly as many rows as jobs.
create table if not exists gjobs.job_days (
    user_id    uuid,
    project_id uuid,
    day        date,
    job_count  bigint,
    cost_cents bigint
) with (fillfactor = 70);
create index if not exists job_days_day on gjobs.job_days (day);
create index if not exists job_days_user_id on gjobs.job_days (user_id, day);
create index if not exists job_days_project_id on gjobs.job_days (project_id, day);

-- One row, which whoever changes folded rows changes, too: one whose snapshot is older than the last folding learns of it here.
create table if not exists gjobs.job_folding (
    folded_at timestamptz
);
insert into gjobs.job_folding select null where not exists (select from gjobs.job_folding);

-- The millisecond in which a listener was told last. A sequence, for that is seen before its transaction ends, and holds nobody up.
create sequence if not exists gjobs.told_at;

-- Nobody reads or writes them but by the triggers and the views.
alter table gjobs.job_deltas enable row level security;
alter table gjobs.job_totals enable row level security;
alter table gjobs.job_days enable row level security;
alter table gjobs.job_folding enable row level security;
