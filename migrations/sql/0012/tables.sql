-- This lock keeps everybody from folding, so the rollups stay unchanged until this transaction ends. Writers of jobs do not wait
-- for it: they fold later. An open transaction of the app may hold the lock, so the wait has the limit of begin.sql.
select pg_catalog.pg_advisory_xact_lock(1735353442, 2);

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
