-- In early builds, revision 0004 created columns that are NOT NULL, and granted the tables to readers. This script and those of revision
-- 0004, which run after it, bring the rollups up to date and keep their rows. Notices about existing objects are not shown.
set local client_min_messages = warning;
alter table gjobs.job_deltas
    alter user_id drop not null, alter project_id drop not null, alter status drop not null, alter mode drop not null,
    alter day drop not null, alter job_count drop not null, alter cost_cents drop not null;
alter table gjobs.job_totals
    alter user_id drop not null, alter project_id drop not null, alter status drop not null, alter mode drop not null,
    alter job_count drop not null, alter cost_cents drop not null;
alter table gjobs.job_days
    alter user_id drop not null, alter project_id drop not null, alter day drop not null,
    alter job_count drop not null, alter cost_cents drop not null;

-- They are read only through the views, which filter by the caller.
drop policy if exists own_rows on gjobs.job_deltas;
drop policy if exists own_rows on gjobs.job_totals;
drop policy if exists own_rows on gjobs.job_days;
