-- Revision 0004 at first had columns that had to hold something, and tables that readers read themselves. Its scripts, which run again
-- after this one, make the rest as it is now; what is counted stays. Of what is there already nothing need be said.
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

-- They are read through the views alone, which know their reader.
drop policy if exists own_rows on gjobs.job_deltas;
drop policy if exists own_rows on gjobs.job_totals;
drop policy if exists own_rows on gjobs.job_days;
