-- Rollups of the jobs that failed, and of retries that did not: numbers and total costs. As in the other rollups, the folded rows plus the
-- deltas equal a count of the jobs in any snapshot.

-- No column is required: anything that an app stores in its jobs is counted, and never makes its write fail. The group of a retry that did
-- not fail is empty. If the group is not computed yet, it is 'later', and the error is kept.
create table gjobs.waste_deltas (
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
create table gjobs.waste_totals (
    user_id     uuid,
    project_id  uuid,
    mode        text,
    error_group text,
    job_count   bigint,
    cost_cents  bigint
) with (fillfactor = 70);
create index waste_totals_user_id on gjobs.waste_totals (user_id);
create index waste_totals_project_id on gjobs.waste_totals (project_id, error_group);

-- By the UTC day of created_at.
create table gjobs.waste_days (
    user_id    uuid,
    project_id uuid,
    day        date,
    has_failed boolean,
    job_count  bigint,
    cost_cents bigint
) with (fillfactor = 70);
create index waste_days_day on gjobs.waste_days (day);
create index waste_days_user_id on gjobs.waste_days (user_id, day);
create index waste_days_project_id on gjobs.waste_days (project_id, day);

-- Only the triggers and the views read and write them.
alter table gjobs.waste_deltas enable row level security;
alter table gjobs.waste_totals enable row level security;
alter table gjobs.waste_days enable row level security;

-- Empty views that stand in for the transition tables that an operation lacks, see gjobs.count_waste.
create view gjobs.new_rows as
    select null::uuid as user_id, null::uuid as project_id, null::text as status, null::text as mode, null::text as error,
           null::bigint as cost_cents, null::integer as retry_count, null::timestamptz as created_at
     where false;
create view gjobs.old_rows as select * from gjobs.new_rows;

-- One in eight calls of gjobs.count_waste checks whether all errors have a group. Without this index, it reads all deltas, also those that
-- a vacuum cannot remove yet.
create index waste_deltas_later on gjobs.waste_deltas (error_group) where error_group = 'later';

-- What the rollups of all jobs add up to for each mode, project, user, error group and day, and for all jobs. So the waste of all jobs is
-- read without reading the rollups, whose number of rows grows with the number of jobs. Triggers on the rollups keep this table up to date.

-- As in the rollups, no column is required; no index contains the column key, which may exceed an index entry. The key is null in the row
-- for all jobs together, and where the jobs' column is null. all_cents is not kept for error groups: it stays 0.
create table gjobs.waste_keys (
    dimension    text,
    key          text,
    key_hash     bigint,
    failed_count bigint,
    failed_cents bigint,
    retry_count  bigint,
    retry_cents  bigint,
    all_cents    bigint
) with (fillfactor = 70);
create index waste_keys_key on gjobs.waste_keys (dimension, key_hash);
create index waste_keys_worst on gjobs.waste_keys (dimension, (failed_cents + retry_cents) desc, key_hash)
    where failed_count + retry_count <> 0;

-- Only the triggers and the views read and write it.
alter table gjobs.waste_keys enable row level security;
