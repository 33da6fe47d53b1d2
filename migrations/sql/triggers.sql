-- All triggers on the app's jobs. The triggers of the archive fire only while gjobs archives or restores. They fire after the one that
-- writes the log, because triggers fire in the order of their names. Setting gjobs.archiving or gjobs.restoring by hand allows no more than
-- gjobs.archive_jobs and gjobs.restore_jobs do.
create trigger gjobs_created after insert on public.generation_jobs
    referencing new table as new_rows for each statement execute function gjobs.record_changes();
create trigger gjobs_changed after update on public.generation_jobs
    referencing old table as old_rows new table as new_rows for each statement execute function gjobs.record_changes();
create trigger gjobs_deleted after delete on public.generation_jobs
    referencing old table as old_rows for each statement execute function gjobs.record_changes();
create trigger gjobs_truncated after truncate on public.generation_jobs
    for each statement execute function gjobs.record_changes();
create trigger gjobs_store_archived after delete on public.generation_jobs
    referencing old table as old_rows
    for each statement when (current_setting('gjobs.archiving', true) = 'on') execute function gjobs.move_archived();
create trigger gjobs_take_restored after insert on public.generation_jobs
    referencing new table as new_rows
    for each statement when (current_setting('gjobs.restoring', true) = 'on') execute function gjobs.move_archived();

-- They also fire for writes under session_replication_role = replica.
alter table public.generation_jobs
    enable always trigger gjobs_created,
    enable always trigger gjobs_changed,
    enable always trigger gjobs_deleted,
    enable always trigger gjobs_truncated,
    enable always trigger gjobs_store_archived,
    enable always trigger gjobs_take_restored;

-- The table is locked, so no session writes jobs before the triggers exist.
update gjobs.fold_state set recorded_since = clock_timestamp() where true;
