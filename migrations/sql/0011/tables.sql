-- Rollups of the jobs that failed, and of retries that did not: numbers and total costs. As in revision 0004, the folded rows plus the
-- deltas equal a count of the jobs in any snapshot. Each script before count.sql may run more than once: an interrupted upgrade runs them
-- again.

-- No column is required: anything that an app stores in its jobs is counted, and never makes its write fail. The group of a retry that did
-- not fail is empty. If the group is not computed yet, it is 'later', and the error is kept.
create table if not exists gjobs.waste_deltas (
    user_id     uuid,
    project_id  uuid,
    mode        text,
    day         date,
    error_group text,
    job_count   bigint,
    cost_cents  bigint,
    error       text
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, vacuum_truncate = off);

-- A key with a null may have several rows, which are added up. Keys without a null have at most as many rows as there are failed jobs and
-- retries. A group has a short id, because an error may be longer than an index entry.
create table if not exists gjobs.waste_totals (
    user_id     uuid,
    project_id  uuid,
    mode        text,
    error_group text,
    job_count   bigint,
    cost_cents  bigint
) with (fillfactor = 70);
create index if not exists waste_totals_user_id on gjobs.waste_totals (user_id);
create index if not exists waste_totals_project_id on gjobs.waste_totals (project_id, error_group);

-- By the UTC day of created_at.
create table if not exists gjobs.waste_days (
    user_id    uuid,
    project_id uuid,
    day        date,
    has_failed boolean,
    job_count  bigint,
    cost_cents bigint
) with (fillfactor = 70);
create index if not exists waste_days_day on gjobs.waste_days (day);
create index if not exists waste_days_user_id on gjobs.waste_days (user_id, day);
create index if not exists waste_days_project_id on gjobs.waste_days (project_id, day);

-- Only the triggers and the views read and write them.
alter table gjobs.waste_deltas enable row level security;
alter table gjobs.waste_totals enable row level security;
alter table gjobs.waste_days enable row level security;
